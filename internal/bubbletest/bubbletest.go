// Package bubbletest opens the synctest bubbles of the tests.
package bubbletest

import (
	"runtime"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/millpond/millpond/internal/racetest"
)

// Test runs f in a bubble, on one thread under the race detector.
func Test(t *testing.T, f func(*testing.T)) {
	t.Helper()
	OneThread(t)
	synctest.Test(t, f)
}

// OneThread keeps Go code to one thread until t ends, under the race detector alone. A bubble gives the detector one
// context for all its timers, and goroutines that find theirs due at the same time corrupt it (golang/go#78156): the
// process ends with "tsan_rtl.cpp: CHECK failed" or a SIGSEGV in maybeRunChan. The detector still sees what is not
// ordered: it goes by what happens before what, not by what runs beside what.
func OneThread(t testing.TB) {
	if !racetest.On {
		return
	}
	threads.keep()
	t.Cleanup(threads.restore)
}

// threads counts the tests that want one thread: those that are parallel end in any order.
var threads counter

type counter struct {
	sync.Mutex
	tests, before int
}

func (c *counter) keep() {
	c.Lock()
	defer c.Unlock()
	if c.tests++; c.tests == 1 {
		c.before = runtime.GOMAXPROCS(1)
	}
}

func (c *counter) restore() {
	c.Lock()
	defer c.Unlock()
	if c.tests--; c.tests == 0 {
		runtime.GOMAXPROCS(c.before)
	}
}
