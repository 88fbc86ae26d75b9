package journal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/millpond/millpond/journal/internal/batch"
	"github.com/millpond/millpond/journal/internal/wire"
)

const (
	// maxBatch is how many bytes wait together before Propose waits for room: more would only delay the first one.
	maxBatch = 4 << 20
	// maxWaiting is how many commands wait together.
	maxWaiting = 16 << 10
)

// waiter is one Propose that waits. Its channel is used again, but by one journal only: channels belong to a synctest bubble.
type waiter struct {
	done chan struct{} // capacity 1
	result
	group *group // nil: one command
}

// group is the commands that another node has sent; they wait together.
type group struct {
	n       int
	results []result
	err     error
	at      wire.Place
}

func (w *waiter) commands() int {
	if w.group == nil {
		return 1
	}
	return w.group.n
}

// queue gathers commands and sends them to raft, those that wait together in one entry.
type queue struct {
	kick    chan struct{} // capacity 1
	running sync.WaitGroup
	pool    sync.Pool

	mu struct {
		sync.Mutex
		buf     []byte
		waiters []*waiter
		n       int           // commands in buf
		room    chan struct{} // closed when the batch is taken; nil if nobody waits for that
		closed  bool
		gather
	}
	order struct { // held from taking a batch until raft has it
		sync.Mutex
		time  int64 // of the last batch
		spare []*waiter
	}
}

func (q *queue) init() {
	q.kick = make(chan struct{}, 1)
	q.pool.New = func() any { return &waiter{done: make(chan struct{}, 1)} }
}

// start begins the one goroutine that commits: two, one gathering while the other's batch is synced, made batches half as
// large and 16 callers a third slower.
func (q *queue) start(j *Journal) { q.running.Go(func() { q.run(j) }) }

// track runs f in a goroutine that Close waits for; false if it is closed.
func (q *queue) track(f func()) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.mu.closed {
		q.running.Go(f)
	}
	return !q.mu.closed
}

func (q *queue) close() {
	q.mu.Lock()
	q.mu.closed = true
	q.wakeRoomLocked()
	q.mu.Unlock()
	close(q.kick)
}

func (q *queue) wait() { q.running.Wait() }

// startAt takes over the clock of the entries at the beginning of a leadership.
func (q *queue) startAt(j *Journal) {
	_, now := j.at.now()
	q.order.Lock()
	q.order.time = max(q.order.time, now)
	q.order.Unlock()
}

func (q *queue) wakeRoomLocked() {
	if q.mu.room != nil {
		close(q.mu.room)
		q.mu.room = nil
	}
}

// add puts a command into the batch that gathers, or returns a channel to wait on for room.
func (q *queue) add(c *batch.Command) (w *waiter, room <-chan struct{}, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if room, err = q.roomLocked(len(c.Cmd)); room != nil || err != nil {
		return nil, room, err
	}
	q.mu.buf = batch.Append(q.mu.buf, c)
	w = q.pool.Get().(*waiter)
	q.waitLocked(w)
	return w, nil, nil
}

// addGroup does so with what another node has sent.
func (q *queue) addGroup(cmds []batch.Command) (w *waiter, room <-chan struct{}, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	size := 0
	for i := range cmds {
		size += len(cmds[i].Cmd)
	}
	if room, err = q.roomLocked(size); room != nil || err != nil {
		return nil, room, err
	}
	for i := range cmds {
		q.mu.buf = batch.Append(q.mu.buf, &cmds[i])
	}
	w = &waiter{done: make(chan struct{}, 1), group: &group{n: len(cmds)}}
	q.waitLocked(w)
	return w, nil, nil
}

// roomLocked begins a batch if there is none; room is to be waited for if what there is has no room for size bytes more.
func (q *queue) roomLocked(size int) (room <-chan struct{}, err error) {
	n := len(q.mu.waiters)
	switch {
	case q.mu.closed:
		return nil, ErrClosed
	case n == 0:
		q.mu.buf = batch.Begin(q.mu.buf)
		q.signalLocked()
	case len(q.mu.buf) >= maxBatch || n >= maxWaiting || len(q.mu.buf)+size > MaxCommand: // a batch fits a call to another node
		q.mu.enough()
		if q.mu.room == nil {
			q.mu.room = make(chan struct{})
		}
		return q.mu.room, nil
	}
	return nil, nil
}

// waitLocked adds w, whose commands are in the batch.
func (q *queue) waitLocked(w *waiter) {
	q.mu.waiters = append(q.mu.waiters, w)
	q.mu.n += w.commands()
	q.mu.came(q.mu.n)
}

func (q *queue) signalLocked() {
	select {
	case q.kick <- struct{}{}:
	default:
	}
}

// run commits batches until the queue is closed and empty.
func (q *queue) run(j *Journal) {
	for range q.kick {
		for q.commit(j) {
		}
	}
	for q.commit(j) {
	}
}

// commit sends what waits as one entry and answers it; false if nothing waited.
func (q *queue) commit(j *Journal) bool {
	q.awaitOthers()
	if to := j.elsewhere(); to != "" {
		return q.forward(j, to)
	}
	q.order.Lock()
	buf, ws := q.take(q.order.spare)
	if len(ws) == 0 {
		q.order.Unlock()
		return false
	}
	began := time.Now()
	n := commands(ws)
	now := max(j.cfg.Now().UnixNano(), q.order.time+1)
	q.order.time, q.order.spare = now, nil
	batch.Finish(buf, now, n)
	f := j.raft.ApplyLog(raft.Log{Data: buf}, 0)
	q.order.Unlock()
	err := j.notTaken(f.Error())
	q.answer(ws, f, err)
	took := time.Since(began)
	q.expect(n, took, err)
	j.counts.committed(n, took)
	clear(ws)
	q.order.Lock()
	q.order.spare = ws
	q.order.Unlock()
	return true
}

// notTaken is what to make of a batch that this node's log did not take: raft has sent it to nobody, and leads no more, so
// that the next primary may have it. A node that needs nobody's vote has no other to wait for; where that leaves the log broken, whether the
// batch is in it shows when it is opened again.
func (j *Journal) notTaken(err error) error {
	_, unwritten := errors.AsType[*unwrittenError](err)
	switch {
	case !unwritten:
		return err
	case !j.onlyVoter():
		return raft.ErrNotLeader
	case j.err() != nil:
		return fmt.Errorf("%w: %w", ErrUnknownOutcome, err)
	}
	return err
}

// take begins a new batch, with room for waiters in spare, and returns the one that waited, if any.
func (q *queue) take(spare []*waiter) (buf []byte, ws []*waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.mu.waiters) == 0 {
		return nil, nil
	}
	buf, ws = q.mu.buf, q.mu.waiters
	// The buffer is raft's from here on; the next batch is likely as large.
	q.mu.buf, q.mu.waiters, q.mu.n = make([]byte, 0, min(len(buf)+len(buf)/4, maxBatch)), spare[:0], 0
	q.wakeRoomLocked()
	return buf, ws
}

func commands(ws []*waiter) (n int) {
	for _, w := range ws {
		n += w.commands()
	}
	return n
}

func (q *queue) answer(ws []*waiter, f raft.ApplyFuture, err error) {
	var got applied
	if err == nil {
		switch r := f.Response().(type) {
		case applied:
			got = r
		case error:
			err = r
		}
	}
	answerAll(ws, got, err)
}

// answerAll hands out what became of a batch.
func answerAll(ws []*waiter, got applied, err error) {
	at := 0
	for _, w := range ws {
		switch {
		case w.group != nil && err == nil:
			w.group.results = got.results[at : at+w.group.n]
			w.group.at = wire.Place{Term: got.term, Raft: got.raft, Of: got.term}
		case w.group != nil:
			w.group.err = err
		case err == nil:
			w.result = got.results[at]
		default:
			w.result = result{err: err}
		}
		at += w.commands()
		w.done <- struct{}{}
	}
}

// Propose makes cmd a change and returns the state machine's answer and the change's index once it is durable and applied. cmd is
// copied. A retry with the same op returns the first one's answer and index. It waits for a primary: ErrNoPrimary when ctx ends.
// ErrUnknownOutcome comes with whatever ended the last try, ctx too, when that or an earlier one may have been taken: retry with the
// same op. After any other error cmd is no change and never will be.
func (j *Journal) Propose(ctx context.Context, op OpID, cmd []byte) (answer []byte, index uint64, err error) {
	if len(cmd) > MaxCommand {
		return nil, 0, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(cmd), MaxCommand)
	}
	if err := j.err(); err != nil {
		return nil, 0, err
	}
	level, err := j.m.sm.Level(cmd)
	if err != nil {
		return nil, 0, err
	}
	if err := j.allowed(level); err != nil {
		return nil, 0, err
	}
	c := batch.Command{Session: op.Session, Seq: op.Seq, Acked: op.Acked, At: op.At, Level: level, Cmd: cmd}
	sent := false // an earlier try may have been taken
	for {
		r, again := j.try(ctx, &c)
		switch {
		case again:
			sent = sent || errors.Is(r.err, raft.ErrLeadershipLost) || errors.Is(r.err, raft.ErrRaftShutdown)
			continue
		case sent && r.err != nil:
			return nil, 0, fmt.Errorf("%w: %w", ErrUnknownOutcome, cmp.Or(ctx.Err(), r.err))
		}
		return r.answer, r.index, r.err
	}
}

// try proposes once; again says that it is to be tried under the next leadership.
func (j *Journal) try(ctx context.Context, c *batch.Command) (r result, again bool) {
	if err := j.awaitPrimary(ctx); err != nil {
		return result{err: err}, false
	}
	led, changed := j.lead.get()
	w, err := j.enqueue(ctx, c)
	if err != nil {
		return result{err: err}, false
	}
	select {
	case <-w.done:
	case <-ctx.Done(): // w is left to whoever answers it
		return result{err: fmt.Errorf("%w: %w", ErrUnknownOutcome, ctx.Err())}, false
	}
	r = w.result
	w.result = result{}
	j.queue.pool.Put(w)
	switch {
	case r.err == nil:
		return r, false
	case errors.Is(r.err, raft.ErrNotLeader), errors.Is(r.err, raft.ErrLeadershipTransferInProgress):
		again = true // raft never took it
	case errors.Is(r.err, raft.ErrLeadershipLost) && c.Session != [16]byte{}:
		again = true // it may be there; the table of answers knows
	case errors.Is(r.err, raft.ErrLeadershipLost):
		return result{err: ErrUnknownOutcome}, false
	case errors.Is(r.err, raft.ErrRaftShutdown):
		again = true // the next look says why
	default:
		return r, false
	}
	if led != nil || j.mesh != nil {
		j.pause(ctx, changed)
	}
	return r, again
}

// pause waits until another node leads, or for a moment if others may know more about that than this one does.
func (j *Journal) pause(ctx context.Context, changed <-chan struct{}) {
	var moment <-chan time.Time
	if j.mesh != nil {
		moment = time.After(retryPause)
	}
	select {
	case <-changed:
	case <-moment:
	case <-j.closing:
	case <-j.stopped.done:
	case <-ctx.Done():
	}
}

func (j *Journal) enqueue(ctx context.Context, c *batch.Command) (*waiter, error) {
	for {
		if ctx.Err() != nil { // in the queue it would be sent all the same
			return nil, ctx.Err()
		}
		w, room, err := j.queue.add(c)
		if room == nil {
			return w, err
		}
		select {
		case <-room:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
