//go:build !race

package cachefs_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/bubbletest"
)

// TestPersistNeverGivesUp: a store that takes nothing for a day and more is asked ever more seldom, down to once in PersistMaxDelay, and has the
// file soon after it works again. Until then the only copy stays. Under the race detector a day of timers takes a minute.
func TestPersistNeverGivesUp(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		n, faulty, stores := brokenNode(t)
		require.NoError(t, faulty.Play("commit fail=unavailable"))
		require.NoError(t, write("/mem/f", "1", cachefs.CreateOptions{WriteType: cachefs.AsyncThrough})(n))
		failures := func(within time.Duration) int {
			before := n.Metrics().PersistFailures
			time.Sleep(within)
			return int(n.Metrics().PersistFailures - before)
		}
		first := failures(time.Minute)
		require.Greater(t, first, 5, "it begins with short delays")
		require.Less(t, first, 20, "which grow")
		require.InDelta(t, 60, failures(time.Hour), 2, "once in PersistMaxDelay, a minute")
		time.Sleep(25 * time.Hour)
		require.InDelta(t, 60, failures(time.Hour), 2, "after a day as well")
		require.Equal(t, cachefs.ToPersist, mustStat(t, n, "/mem/f").Persist())
		require.Equal(t, 1, n.Metrics().PersistBacklog)
		require.NoError(t, same(readAll(t, n, "/mem/f"), planned("1"), 0))

		require.NoError(t, faulty.Play(""))
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, cachefs.Persisted, mustStat(t, n, "/mem/f").Persist())
		require.Equal(t, "1", seedsOf([]byte(storeContent(t, stores[0].UFS())["f"])))
	})
}
