package journal

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// leadership follows raft's, and stands for election at once when this node is the only voter.
type leadership struct {
	notify chan bool
	quit   chan struct{}
	done   sync.WaitGroup

	mu struct {
		sync.Mutex
		ctx     context.Context // ends with this node's leadership; nil while it does not lead
		cancel  context.CancelFunc
		changed chan struct{} // closed when ctx changes
	}
}

// init returns the channel that raft reports to. 16: raft waits when it is full, and we read it promptly.
func (l *leadership) init() chan<- bool {
	l.notify, l.quit = make(chan bool, 16), make(chan struct{})
	l.mu.changed = make(chan struct{})
	return l.notify
}

func (l *leadership) start(j *Journal) { l.done.Go(func() { l.follow(j) }) }

// finish ends follow. Raft must still run: a barrier may be on its way.
func (l *leadership) finish() {
	close(l.quit)
	l.done.Wait()
	l.lose()
}

// gain begins a leadership.
func (l *leadership) gain() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turnLocked(context.WithCancel(context.Background()))
}

// lose ends it; false if there was none.
func (l *leadership) lose() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.ctx == nil {
		return false
	}
	var none context.Context
	l.turnLocked(none, nil)
	return true
}

func (l *leadership) turnLocked(ctx context.Context, cancel context.CancelFunc) {
	if l.mu.cancel != nil {
		l.mu.cancel()
	}
	l.mu.ctx, l.mu.cancel = ctx, cancel
	close(l.mu.changed)
	l.mu.changed = make(chan struct{})
}

func (l *leadership) get() (ctx context.Context, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.ctx, l.mu.changed
}

// Waits between elections after the log refused to be written: a full disk stays full for a while.
const (
	electFirst = 10 * time.Millisecond
	electMost  = time.Second
)

func (l *leadership) follow(j *Journal) {
	wait := electFirst
	again := time.NewTimer(0)
	defer again.Stop()
	for {
		select {
		case <-l.quit:
			return
		case <-again.C:
			if j.err() == nil && l.isNil() {
				j.trans.Elect()
			}
		case is := <-l.notify:
			if !is {
				l.report(j, l.lose(), false)
				again.Reset(wait)
				wait = min(2*wait, electMost)
				continue
			}
			// Raft leads, but has not applied what came before; the barrier has.
			if j.raft.Barrier(0).Error() == nil && j.stoppedErr() == nil {
				wait = electFirst
				j.queue.startAt(j)
				l.gain()
				l.report(j, true, true)
			}
		}
	}
}

func (l *leadership) isNil() bool {
	ctx, _ := l.get()
	return ctx == nil
}

func (l *leadership) report(j *Journal, changed, is bool) {
	if changed && j.cfg.Events.Primary != nil {
		j.cfg.Events.Primary(is)
	}
}

// Primary reports whether this node leads.
func (j *Journal) Primary() bool { return !j.lead.isNil() && j.err() == nil }

// PrimaryContext ends when this node's leadership does, or the journal closes or stops. While it does not lead the context has ended.
func (j *Journal) PrimaryContext() context.Context {
	ctx, _ := j.lead.get()
	if ctx == nil || j.err() != nil {
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		return ended
	}
	return ctx
}

// awaitPrimary waits until this node leads.
func (j *Journal) awaitPrimary(ctx context.Context) error {
	for {
		if err := j.err(); err != nil {
			return err
		}
		led, changed := j.lead.get()
		if led != nil {
			return nil
		}
		select {
		case <-changed:
		case <-j.closing:
		case <-j.stopped.done:
		case <-ctx.Done():
			return j.noPrimary(ctx)
		}
	}
}

// noPrimary says why nobody leads, as far as this node knows.
func (j *Journal) noPrimary(ctx context.Context) error {
	err := fmt.Errorf("%w: %w", ErrNoPrimary, ctx.Err())
	if werr := j.store.writeErr(); werr != nil {
		return errors.Join(err, werr)
	}
	return err
}

// Barrier waits until every change acknowledged anywhere before the call is applied here.
func (j *Journal) Barrier(ctx context.Context) error {
	if err := j.awaitPrimary(ctx); err != nil {
		return err
	}
	// The primary acknowledges what it has applied. That it still is the primary is known at once to an only voter.
	done := make(chan error, 1)
	if !j.queue.track(func() { done <- j.raft.VerifyLeader().Error() }) {
		return ErrClosed
	}
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("%w: %w", ErrNoPrimary, err)
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
