package link_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/peer/internal/link"
)

// recorder keeps what Events tell.
type recorder struct {
	mu      sync.Mutex
	refused []*link.RefusedError
	broken  []link.BrokenInfo
	corrupt []link.CorruptInfo
	begun   int
	ended   int
}

func (r *recorder) events() link.Events {
	do := func(f func()) { r.mu.Lock(); defer r.mu.Unlock(); f() }
	return link.Events{
		Refused: func(e *link.RefusedError) { do(func() { r.refused = append(r.refused, e) }) },
		Broken:  func(i link.BrokenInfo) { do(func() { r.broken = append(r.broken, i) }) },
		Corrupt: func(i link.CorruptInfo) { do(func() { r.corrupt = append(r.corrupt, i) }) },
		Connects: func(i link.ConnectInfo) {
			do(func() {
				if i.End {
					r.ended++
				} else {
					r.begun++
				}
			})
		},
	}
}

// set lets an endpoint tell r.
func (r *recorder) set(c *link.Config) { c.Events = r.events() }

// see waits until cond is true, with r locked.
func (r *recorder) see(t *testing.T, what string, cond func() bool) {
	t.Helper()
	require.Eventually(t, func() bool { r.mu.Lock(); defer r.mu.Unlock(); return cond() }, 5*time.Second, time.Millisecond, what)
}

// lastRefusal waits for an event of a refusal, and returns the latest.
func (r *recorder) lastRefusal(t *testing.T) *link.RefusedError {
	t.Helper()
	r.see(t, "no event of a refusal", func() bool { return len(r.refused) > 0 })
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.refused[len(r.refused)-1]
}

// brokenBy waits for an event of a bad frame whose error has the text.
func (r *recorder) brokenBy(t *testing.T, text string) {
	t.Helper()
	r.see(t, "no event of a bad frame", func() bool { return len(r.broken) > 0 })
	r.mu.Lock()
	defer r.mu.Unlock()
	require.ErrorContains(t, r.broken[len(r.broken)-1].Err, text)
}

// connections is how many have begun, and how many of those have ended.
func (r *recorder) connections() [2]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return [2]int{r.begun, r.ended}
}
