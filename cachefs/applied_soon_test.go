package cachefs_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
)

// TestTreeIsListedAtOnce: nodes list the directories of a mount for each other, each after the changes that the asker has seen. None waits
// for the primary's next message to hear of them, which takes up to 100 ms in a mesh where nothing else happens.
func TestTreeIsListedAtOnce(t *testing.T) {
	overSeveral(t, 3, nil, func(s *several) {
		const dirs = 60
		for i := range dirs {
			require.NoError(s, s.ufs.Mkdir(s.Context(), fmt.Sprintf("d%02d", i), false, 0o755))
			require.NoError(s, putOutside(s.Context(), s.ufs, fmt.Sprintf("d%02d/file", i), []byte("x")))
		}
		began, count := time.Now(), 0
		for _, err := range s.nodes["c"].List(s.Context(), "/m", &cachefs.ListOptions{Recursive: true}) {
			require.NoError(s, err)
			count++
		}
		require.Equal(s, 2*dirs, count)
		require.Less(s, time.Since(began), dirs*2*time.Millisecond)
	})
}
