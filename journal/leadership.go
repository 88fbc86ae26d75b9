package journal

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// leadership follows raft's, and stands for election at once when this node is the only voter.
type leadership struct {
	notify chan bool
	seen   chan raft.Observation // something about the primary has changed; nil alone
	quit   chan struct{}
	done   sync.WaitGroup

	mu struct {
		sync.Mutex
		ctx     context.Context // ends with this node's leadership; nil while it does not lead
		cancel  context.CancelFunc
		term    uint64          // of this node's leadership
		primary string          // who leads, as far as this node knows; "" for nobody
		lost    time.Time       // since when nobody does
		reign   context.Context // ends when one of them changes
		over    context.CancelFunc
		changed chan struct{} // closed when one of them changes
	}
}

// init returns the channel that raft reports to. 16: raft waits when it is full, and we read it promptly.
func (l *leadership) init() chan<- bool {
	l.notify, l.quit = make(chan bool, 16), make(chan struct{})
	l.mu.changed, l.mu.lost = make(chan struct{}), time.Now()
	l.mu.reign, l.mu.over = context.WithCancel(context.Background())
	return l.notify
}

func (l *leadership) start(j *Journal) {
	if j.mesh != nil {
		l.seen = make(chan raft.Observation, 16) // what raft drops is covered by those that are still in it
		o := raft.NewObserver(l.seen, false, func(o *raft.Observation) bool {
			_, ok := o.Data.(raft.LeaderObservation)
			return ok
		})
		j.raft.RegisterObserver(o)
		l.done.Go(func() {
			defer j.raft.DeregisterObserver(o)
			l.look(j) // it may have heard of a primary before
			l.follow(j)
		})
		return
	}
	l.done.Go(func() { l.follow(j) })
}

// finish ends follow. Raft must still run: a barrier may be on its way.
func (l *leadership) finish() {
	close(l.quit)
	l.done.Wait()
	l.lose()
	l.mu.Lock()
	l.mu.over()
	l.mu.Unlock()
}

// gain begins a leadership of node self.
func (l *leadership) gain(self string, term uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.primary, l.mu.term = self, term
	l.turnLocked(context.WithCancel(context.Background()))
}

// see notes who else leads.
func (l *leadership) see(primary string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.ctx != nil || l.mu.primary == primary {
		return
	}
	l.mu.primary = primary
	l.noneLocked()
}

// lose ends it; false if there was none.
func (l *leadership) lose() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.ctx == nil {
		return false
	}
	l.mu.primary = ""
	l.noneLocked()
	return true
}

func (l *leadership) noneLocked() {
	var none context.Context
	l.turnLocked(none, nil)
}

func (l *leadership) turnLocked(ctx context.Context, cancel context.CancelFunc) {
	if l.mu.primary == "" {
		l.mu.lost = time.Now()
	}
	if l.mu.cancel != nil {
		l.mu.cancel()
	}
	l.mu.ctx, l.mu.cancel = ctx, cancel
	if l.mu.over != nil {
		l.mu.over()
	}
	l.mu.reign, l.mu.over = context.WithCancel(context.Background())
	close(l.mu.changed)
	l.mu.changed = make(chan struct{})
}

func (l *leadership) get() (ctx context.Context, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.ctx, l.mu.changed
}

// primary is who leads, as far as this node knows, and a channel that closes when that changes.
func (l *leadership) primary() (id string, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.primary, l.mu.changed
}

// unled is since how long nobody leads, as far as this node knows; 0 if somebody does.
func (l *leadership) unled() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.primary != "" {
		return 0
	}
	return time.Since(l.mu.lost)
}

// under is a context for asking the primary id: it ends when that leads no more, as far as this node knows.
func (l *leadership) under(id string) context.Context {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.primary != id {
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		return ended
	}
	return l.mu.reign
}

// term is that of this node's leadership, the last one if it does not lead.
func (l *leadership) term() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.term
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
			if j.err() == nil && l.isNil() && j.onlyVoter() {
				j.trans.Elect()
			}
		case <-l.seen:
			l.look(j)
		case is := <-l.notify:
			if !is {
				l.report(j, l.lose(), false)
				l.look(j)
				again.Reset(wait)
				wait = min(2*wait, electMost)
				continue
			}
			if j.store.refusedLately() && !j.onlyVoter() && j.raft.LeadershipTransfer().Error() == nil {
				continue // the next entry would not fit either, or the one after it
			}
			// Raft leads, but has not applied what came before; the barrier has. If the term is another one by then, it leads no more.
			term := j.raft.CurrentTerm()
			if l.barrier(j) == nil && j.stoppedErr() == nil && j.raft.CurrentTerm() == term {
				wait = electFirst
				j.queue.startAt(j)
				l.gain(j.node, term)
				l.report(j, true, true)
			}
		}
	}
}

// barrier is raft's. Raft answers a transfer of the lead that came to nothing before it takes entries again, which may be seconds
// later: it still leads then, and says so only once.
func (l *leadership) barrier(j *Journal) error {
	for {
		err := j.raft.Barrier(0).Error()
		if !errors.Is(err, raft.ErrLeadershipTransferInProgress) || j.raft.State() != raft.Leader {
			return err
		}
		select {
		case <-time.After(electFirst):
		case <-l.quit:
			return err
		}
	}
}

// look asks raft who leads. That it is this node counts when it has gained.
func (l *leadership) look(j *Journal) {
	if j.mesh == nil {
		return
	}
	_, id := j.raft.LeaderWithID()
	if string(id) == j.node {
		id = ""
	}
	l.see(string(id))
}

// onlyVoter says whether this node needs nobody's vote.
func (j *Journal) onlyVoter() bool {
	voters, mine := 0, false
	for _, s := range j.raft.GetConfiguration().Configuration().Servers {
		if s.Suffrage == raft.Voter {
			voters++
			mine = mine || string(s.ID) == j.node
		}
	}
	return voters == 1 && mine
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

// PrimaryID is the node that leads, as far as this one knows; empty if nobody does.
func (j *Journal) PrimaryID() string {
	id, _ := j.lead.primary()
	return id
}

// Unled is for how long this node has known nobody who leads; 0 while it knows one.
func (j *Journal) Unled() time.Duration { return j.lead.unled() }

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

// awaitPrimary waits until somebody leads.
func (j *Journal) awaitPrimary(ctx context.Context) error {
	for {
		if err := j.err(); err != nil {
			return err
		}
		id, changed := j.lead.primary()
		if id != "" {
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
	if j.mesh != nil {
		return j.mesh.barrier(ctx)
	}
	if err := j.awaitPrimary(ctx); err != nil {
		return err
	}
	return j.verify(ctx)
}

// verify asks whether this node still is the primary.
func (j *Journal) verify(ctx context.Context) error {
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
