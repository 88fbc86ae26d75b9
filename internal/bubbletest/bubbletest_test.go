//go:build race

package bubbletest_test

import (
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/millpond/millpond/internal/bubbletest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestTimers has many goroutines find their timers due at once, which ends the process where several threads do.
func TestTimers(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	for range 300 {
		t.Run("", func(t *testing.T) {
			bubbletest.Test(t, func(*testing.T) {
				var all sync.WaitGroup
				for range 20 {
					all.Go(func() {
						for range 50 {
							due := time.NewTimer(0)
							select {
							case <-due.C:
							default:
							}
							<-time.NewTimer(0).C
						}
					})
				}
				all.Wait()
			})
		})
	}
	require.Equal(t, before, runtime.GOMAXPROCS(0))
	t.Run("one thread", func(t *testing.T) {
		bubbletest.OneThread(t)
		require.Equal(t, 1, runtime.GOMAXPROCS(0))
	})
}
