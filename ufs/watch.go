package ufs

import (
	"math"
	"sync/atomic"
	"time"
)

// watchLooks is how often a watch looks within its time: what stalls is found after one time to one and a quarter.
const watchLooks = 4

// watch calls late once somebody has waited for so long, without a beginning or an end of a wait in between. It looks at a
// counter now and then, so that a wait costs two additions and no clock.
type watch struct {
	waits   atomic.Uint64 // odd: somebody waits
	stopped atomic.Bool
	every   time.Duration
	timer   *time.Timer
	late    func()

	seen uint64 // of the timer's goroutine
	same int
}

// newWatch makes a watch that somebody waits on already.
func newWatch(within time.Duration, late func()) *watch {
	w := &watch{every: max(within/watchLooks, 1), late: late, seen: 1}
	w.waits.Store(1)
	w.timer = time.AfterFunc(math.MaxInt64, w.look)
	w.timer.Reset(w.every) // after the assignment, which look reads
	return w
}

func (w *watch) begin() { w.waits.Add(1) }
func (w *watch) end()   { w.waits.Add(1) }

func (w *watch) stop() {
	w.stopped.Store(true)
	w.timer.Stop()
}

func (w *watch) look() {
	now := w.waits.Load()
	if now%2 == 1 && now == w.seen {
		w.same++
	} else {
		w.seen, w.same = now, 0
	}
	if w.same == watchLooks {
		w.late()
		return
	}
	if !w.stopped.Load() {
		w.timer.Reset(w.every)
	}
}
