// Package cleaning removes what is left in a store of something that does not come to be: for longer than the caller waits, whose
// context has perhaps just ended.
package cleaning

import (
	"context"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/millpond/millpond/ufs/driver"
)

const (
	Within = 30 * time.Second // bounds each removal
	Grace  = time.Second      // is given to it in the way of a caller whose context has ended: a store that works takes milliseconds
)

// errBehind: the caller does not wait for a store that is silent.
var errBehind = fmt.Errorf("%w: the store does not answer; the removal goes on for up to %s", driver.ErrUnavailable, Within)

// Cleaner is a store's removals, which may outlive the calls that began them, but not Close.
type Cleaner struct {
	ctx  context.Context // ends with Close
	stop context.CancelFunc
	wg   sync.WaitGroup
	mu   struct {
		sync.Mutex
		closed bool
	}
}

// New begins nothing yet.
func New() *Cleaner {
	c := &Cleaner{}
	c.ctx, c.stop = context.WithCancel(context.Background())
	return c
}

// Close gives the removals under way Grace, ends them, and waits for their goroutines.
func (c *Cleaner) Close() {
	c.mu.Lock()
	c.mu.closed = true
	c.mu.Unlock()
	late := time.AfterFunc(Grace, c.stop)
	c.wg.Wait()
	late.Stop()
	c.stop()
}

// begin reports whether one more may run; it ends with c.wg.Done.
func (c *Cleaner) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.mu.closed {
		c.wg.Add(1)
	}
	return !c.mu.closed
}

// Do calls remove, whatever has become of ctx, which bounds the waiting for it alone. The error is not *driver.Retryable: it stands
// beside that for which something is removed.
func Do[T any](ctx context.Context, c *Cleaner, remove func(ctx context.Context) (T, error)) (T, error) {
	type outcome struct {
		v   T
		err error
	}
	if !c.begin() {
		return outcome{}.v, fs.ErrClosed
	}
	done := make(chan outcome, 1)
	go func() {
		defer c.wg.Done()
		ours, cancel := context.WithTimeout(c.ctx, Within)
		defer cancel()
		v, err := remove(ours)
		done <- outcome{v, driver.NotAgain(err)}
	}()
	select {
	case o := <-done:
		return o.v, o.err
	case <-ctx.Done():
	}
	grace := time.NewTimer(Grace)
	defer grace.Stop()
	select {
	case o := <-done:
		return o.v, o.err
	case <-grace.C:
		return outcome{}.v, errBehind
	}
}
