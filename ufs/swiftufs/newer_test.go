package swiftufs_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/faultproxy"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/troubletest"
)

// TestServerNewerObject: a 202 publishes nothing, since by the clocks of Swift's servers what is there is newer. It keeps its segments, and the write is made
// again.
func TestServerNewerObject(t *testing.T) {
	s := connect(t)
	for kind, size := range map[string]int{troubletest.Put: 7, troubletest.Complete: 2*mib + 7} {
		t.Run(kind, func(t *testing.T) {
			b := s.through(t, call)
			require.NoError(t, b.write(t, "f", 'a', 2*mib+1))
			accepted := faultproxy.Answer(http.StatusAccepted, nil, "")
			b.On(faultproxy.Rule{Kinds: []string{kind}, Fault: accepted})
			err := b.write(t, "f", 'b', size)
			_, refused := errors.AsType[*driver.Retryable](err)
			require.True(t, refused, "%v", err)
			b.holds(t, "f", 'a', 2*mib+1)
			require.Empty(t, b.leftovers(t, b.prefix))

			b.Reset()
			b.On(faultproxy.Rule{Kinds: []string{kind}, Times: 1, Fault: accepted})
			require.NoError(t, b.write(t, "f", 'b', size))
			require.Equal(t, 2, b.Counts()[kind])
			b.holds(t, "f", 'b', size)
			require.Empty(t, b.leftovers(t, b.prefix))
		})
	}
}
