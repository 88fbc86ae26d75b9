package journal_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/journal"
)

// A session's operations are new whatever the clock does, in one run and in the next: only a retry is too old.
func TestSessionOverClockThatGoesBack(t *testing.T) {
	now := time.Unix(2_000_000_000, 0)
	cfg := journal.Config{Dir: t.TempDir(), Now: func() time.Time { return now }}
	for range 2 {
		j, _ := open(t, cfg)
		s := j.Session()
		for range 3 {
			op := s.Next()
			_, _, err := j.Propose(t.Context(), op, []byte("add k"))
			require.NoError(t, err)
			s.Done(op)
			now = now.Add(-2 * journal.RetryWindow)
		}
		require.NoError(t, j.Close(t.Context()))
	}
}
