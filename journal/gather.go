package journal

import "time"

const (
	// gatherLeast is the shortest wait for others that is worth a timer.
	gatherLeast = 20 * time.Microsecond
	// gatherMost is the longest one: on a slow disk too, callers who were answered are back within that.
	gatherMost = 2 * time.Millisecond
)

// gather lets a batch wait a moment for those whom the last one has just answered: callers that make one change after the other are
// about to come again. Without it the first of them has a sync for itself, and the others wait for that one and then for their own.
type gather struct {
	want  int           // commands that may come: those answered last, and those that waited then
	until time.Time     // no longer than a quarter of what the last batch took
	all   chan struct{} // closed when want are there; nil if nobody waits for them
}

// came is called when n commands wait.
func (g *gather) came(n int) {
	if n >= g.want {
		g.enough()
	}
}

// enough ends the wait.
func (g *gather) enough() {
	if g.all != nil {
		close(g.all)
		g.all = nil
	}
}

// expect notes that n commands have been answered after so long. After an error nobody is expected: who was refused waits before he
// tries again.
func (q *queue) expect(n int, took time.Duration, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.mu.want, q.mu.until = 0, time.Time{}
	if err == nil {
		q.mu.want, q.mu.until = n+q.mu.n, time.Now().Add(min(took/4, gatherMost))
	}
}

// awaitOthers waits for those who are expected, if somebody waits already.
func (q *queue) awaitOthers() {
	q.mu.Lock()
	left := time.Until(q.mu.until)
	if q.mu.n == 0 || q.mu.n >= q.mu.want || left < gatherLeast || q.mu.closed {
		q.mu.Unlock()
		return
	}
	all := make(chan struct{})
	q.mu.all = all
	q.mu.Unlock()
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-all:
	case <-timer.C:
	}
}
