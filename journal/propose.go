package journal

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/millpond/millpond/journal/internal/batch"
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
		room    chan struct{} // closed when the batch is taken; nil if nobody waits for that
		closed  bool
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
	if q.mu.closed {
		return nil, nil, ErrClosed
	}
	if len(q.mu.buf) >= maxBatch || len(q.mu.waiters) >= maxWaiting {
		if q.mu.room == nil {
			q.mu.room = make(chan struct{})
		}
		return nil, q.mu.room, nil
	}
	if len(q.mu.waiters) == 0 {
		q.mu.buf = batch.Begin(q.mu.buf)
		q.signalLocked()
	}
	q.mu.buf = batch.Append(q.mu.buf, c)
	w = q.pool.Get().(*waiter)
	q.mu.waiters = append(q.mu.waiters, w)
	return w, nil, nil
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
	q.order.Lock()
	q.mu.Lock()
	buf, ws := q.mu.buf, q.mu.waiters
	if len(ws) == 0 {
		q.mu.Unlock()
		q.order.Unlock()
		return false
	}
	// The buffer is raft's from here on; the next batch is likely as large.
	q.mu.buf, q.mu.waiters = make([]byte, 0, min(len(buf)+len(buf)/4, maxBatch)), q.order.spare[:0]
	q.wakeRoomLocked()
	q.mu.Unlock()
	began := time.Now()
	now := max(j.cfg.Now().UnixNano(), q.order.time+1)
	q.order.time, q.order.spare = now, nil
	batch.Finish(buf, now, len(ws))
	f := j.raft.ApplyLog(raft.Log{Data: buf}, 0)
	q.order.Unlock()
	err := f.Error()
	q.answer(ws, f, err)
	j.counts.committed(len(ws), time.Since(began))
	clear(ws)
	q.order.Lock()
	q.order.spare = ws
	q.order.Unlock()
	return true
}

func (q *queue) answer(ws []*waiter, f raft.ApplyFuture, err error) {
	var results []result
	if err == nil {
		switch r := f.Response().(type) {
		case []result:
			results = r
		case error:
			err = r
		}
	}
	for i, w := range ws {
		if err != nil {
			w.result = result{err: err}
		} else {
			w.result = results[i]
		}
		w.done <- struct{}{}
	}
}

// Propose makes cmd a change and returns the state machine's answer and the change's index once it is durable and applied. cmd is
// copied. A retry with the same op returns the first one's answer and index. It waits for a primary: ErrNoPrimary when ctx ends.
// An error of ctx itself leaves the outcome unknown: retry with the same op.
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
	if level > j.cfg.Level {
		return nil, 0, fmt.Errorf("command needs feature level %d, this node has %d", level, j.cfg.Level)
	}
	c := batch.Command{Session: op.Session, Seq: op.Seq, Acked: op.Acked, At: op.At, Level: level, Cmd: cmd}
	for {
		r, again := j.try(ctx, &c)
		if !again {
			return r.answer, r.index, r.err
		}
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
	case <-ctx.Done():
		return result{err: ctx.Err()}, false // w is left to whoever answers it
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
	if led != nil {
		select {
		case <-led.Done():
		case <-changed:
		case <-j.closing:
		case <-j.stopped.done:
		case <-ctx.Done():
		}
	}
	return r, again
}

func (j *Journal) enqueue(ctx context.Context, c *batch.Command) (*waiter, error) {
	for {
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
