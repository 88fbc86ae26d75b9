package hdfsufs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/millpond/millpond/ufs/driver"
)

const (
	dropWithin = 30 * time.Second // bounds the removal of a temporary file, which goes on when its caller's context has ended
	dropGrace  = time.Second      // is given to it in the caller's way then: a NameNode that works takes milliseconds
)

// errDropping: the caller does not wait for a NameNode that is silent.
var errDropping = fmt.Errorf("%w: the NameNode does not answer; the removal goes on for up to %s", driver.ErrUnavailable, dropWithin)

// drops are the removals of temporary files, which may outlive the calls that began them.
type drops struct {
	ctx  context.Context // ends with the store
	stop context.CancelFunc
	wg   sync.WaitGroup
	mu   struct {
		sync.Mutex
		closed bool
	}
}

func newDrops() *drops {
	d := &drops{}
	d.ctx, d.stop = context.WithCancel(context.Background())
	return d
}

// begin reports whether one more may run; it ends with d.wg.Done.
func (d *drops) begin() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.mu.closed {
		d.wg.Add(1)
	}
	return !d.mu.closed
}

// close ends them. What they have not removed a listing will.
func (d *drops) close() {
	d.mu.Lock()
	d.mu.closed = true
	d.mu.Unlock()
	d.stop()
	d.wg.Wait()
}

// dropped is how a removal went.
type dropped struct {
	removed bool
	err     error
}

// drop removes a temporary file, whatever has become of ctx, which bounds the waiting for it. One that is not there is dropped. The error is not
// *driver.Retryable: it stands beside that for which the file is dropped.
func (s *store) drop(ctx context.Context, path string) (removed bool, err error) {
	if !s.drops.begin() {
		return false, fs.ErrClosed
	}
	done := make(chan dropped, 1)
	go func() {
		defer s.drops.wg.Done()
		ours, cancel := context.WithTimeout(s.drops.ctx, dropWithin)
		defer cancel()
		done <- s.remove(ours, path)
	}()
	select {
	case d := <-done:
		return d.removed, d.err
	case <-ctx.Done():
	}
	grace := time.NewTimer(dropGrace)
	defer grace.Stop()
	select {
	case d := <-done:
		return d.removed, d.err
	case <-grace.C:
		return false, errDropping
	}
}

func (s *store) remove(ctx context.Context, path string) (d dropped) {
	d.err = s.call(ctx, func(x *session) (err error) {
		d.removed, err = x.remove(path)
		return err
	})
	if d.err = driver.NotAgain(d.err); errors.Is(d.err, driver.ErrNotExist) {
		d.err = nil
	}
	return d
}
