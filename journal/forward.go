package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"

	"github.com/millpond/millpond/journal/internal/batch"
	"github.com/millpond/millpond/journal/internal/transport"
	"github.com/millpond/millpond/journal/internal/wire"
)

const (
	// callMost bounds one question to the primary, should it neither answer nor cease to lead.
	callMost = 10 * time.Second
	// retryPause is how soon an operation that met no primary is tried again, if nothing else tells.
	retryPause = 20 * time.Millisecond
)

// elsewhere is the other node that leads; empty if this one does or nobody is known to.
func (j *Journal) elsewhere() string {
	if j.mesh == nil {
		return ""
	}
	id, _ := j.lead.primary()
	if id == j.node {
		return ""
	}
	return id
}

// forward sends what waits to the primary, and waits for the answer; false if nothing waited. One batch at a time: the primary takes
// what comes while it commits as one, and with several on their way the answer to each found half of the callers waiting there.
func (q *queue) forward(j *Journal, to string) bool {
	buf, ws := q.take(nil)
	if buf, ws = ours(buf, ws); len(ws) == 0 {
		return buf != nil
	}
	began := time.Now()
	n := commands(ws)
	batch.Finish(buf, 0, n)
	got, err := j.mesh.propose(to, buf, n)
	answerAll(ws, got, err)
	took := time.Since(began)
	q.expect(n, took, err)
	j.counts.committed(n, took)
	j.counts.forwarded.Add(uint64(n))
	return true
}

// ours takes what other nodes have sent out of a batch: they came to this node when it led, and ask the next one themselves.
func ours(buf []byte, ws []*waiter) ([]byte, []*waiter) {
	var cmds []batch.Command
	kept := ws[:0:0]
	out := batch.Begin(nil)
	at := 0
	for i, w := range ws {
		if w.group == nil {
			if cmds != nil {
				kept, out = append(kept, w), batch.Append(out, &cmds[at])
			}
			at++
			continue
		}
		if cmds == nil { // the first one: what came before it is kept
			batch.Finish(buf, 0, commands(ws))
			cmds, _, _ = batch.Decode(nil, buf) // it is our own
			for k, w := range ws[:i] {
				kept, out = append(kept, w), batch.Append(out, &cmds[k])
			}
		}
		at += w.group.n
		w.group.err = raft.ErrNotLeader
		w.done <- struct{}{}
	}
	if cmds == nil {
		return buf, ws
	}
	return out, kept
}

// propose asks node to to make a batch of n commands changes, and waits until this node has applied them.
func (m *mesh) propose(to string, commands []byte, n int) (applied, error) {
	ctx, cancel := context.WithTimeout(m.j.lead.under(to), callMost)
	defer cancel()
	_, of := m.is()
	body, err := m.callPrimary(ctx, to, commands)
	if err != nil {
		return applied{}, m.outcome(err)
	}
	at, rest, err := wire.ParsePlace(body)
	if err != nil {
		return applied{}, err
	}
	rs, err := wire.ParseResults(rest)
	if err != nil || len(rs) != n {
		return applied{}, errors.Join(wire.ErrFormat, err)
	}
	got := applied{results: make([]result, n), raft: at.Raft, term: at.Of}
	for i, r := range rs {
		got.results[i] = fromWire(r)
	}
	return got, m.reach(context.Background(), to, of, at)
}

// outcome is what a call that failed means for the operations in it, in raft's words.
func (m *mesh) outcome(err error) error {
	_, refused := errors.AsType[*refusedError](err)
	_, busy := errors.AsType[*busyError](err)
	if refused || busy || errors.Is(err, ErrNotDelivered) {
		return raft.ErrNotLeader
	}
	return raft.ErrLeadershipLost
}

// reach waits until this node has applied the changes up to at, which node who says are committed in journal of. Where that is begun anew
// meanwhile, only a lost node may have had them.
func (m *mesh) reach(ctx context.Context, who string, of transport.Cluster, at wire.Place) error {
	pause := time.Millisecond
	for {
		now, changed := m.j.at.wait()
		if _, ours := m.is(); ours != of { // looked at after the index, which may be the new one's
			return raft.ErrLeadershipLost
		}
		if now.index >= at.Index {
			return nil
		}
		there, grown := m.j.store.has(at.Raft, at.Of)
		if there {
			m.commit(who, at)
		}
		timer := time.NewTimer(pause)
		select {
		case <-changed:
		case <-grown:
		case <-timer.C:
			pause = min(2*pause, 100*time.Millisecond)
		case <-m.j.closing: // nobody reads here any more; what is committed stays so
			timer.Stop()
			return nil
		case <-m.j.stopped.done:
			timer.Stop()
			return m.j.err()
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
		timer.Stop()
	}
}

// servePropose makes what another node has sent changes.
func (m *mesh) servePropose(ctx context.Context, body []byte) ([]byte, error) {
	if !m.take(len(body)) {
		return wire.Answer(wire.Busy, nil), nil
	}
	defer m.give(len(body))
	cmds, _, err := batch.Decode(nil, body)
	if err != nil {
		return failed(err), nil
	}
	good, errs := m.j.refuse(cmds)
	g := &group{}
	if len(good) > 0 {
		w, err := m.j.enqueueGroup(ctx, good)
		if err != nil {
			return failed(err), nil
		}
		select {
		case <-w.done:
		case <-ctx.Done():
			return nil, ctx.Err() // not a refusal: it may happen
		}
		g = w.group
	}
	if errors.Is(g.err, raft.ErrNotLeader) || errors.Is(g.err, raft.ErrLeadershipTransferInProgress) {
		return m.notPrimary(), nil
	}
	rs := g.toWire(errs)
	return wire.Answer(wire.OK, wire.AppendResults(g.at.Append(nil), rs)), nil
}

// toWire is what became of the commands that came: those with an error of their own are not in the group.
func (g *group) toWire(errs []error) []wire.Result {
	rs := make([]wire.Result, len(errs))
	next := 0
	for i, err := range errs {
		r := result{err: err}
		if err == nil {
			r.err = g.err
			if g.err == nil {
				r = g.results[next]
				g.at.Index = max(g.at.Index, r.index)
			}
			next++
		}
		rs[i] = toWire(r)
	}
	return rs
}

func (j *Journal) enqueueGroup(ctx context.Context, cmds []batch.Command) (*waiter, error) {
	for {
		w, room, err := j.queue.addGroup(cmds)
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

// Codes of results on the wire.
const (
	codeOK byte = iota
	codeExpired
	codeTooManyOpen
	codeLost  // committed or not
	codeLevel // a *LevelError: index is level and known, the bytes are the node
	codeOther
)

var codes = map[byte]error{codeExpired: ErrExpired, codeTooManyOpen: ErrTooManyOpen, codeLost: raft.ErrLeadershipLost}

func toWire(r result) wire.Result {
	if r.err == nil {
		return wire.Result{Index: r.index, Bytes: r.answer}
	}
	if _, stopped := errors.AsType[*StoppedError](r.err); stopped || errors.Is(r.err, raft.ErrRaftShutdown) {
		return wire.Result{Code: codeLost}
	}
	if l, ok := errors.AsType[*LevelError](r.err); ok {
		return wire.Result{Code: codeLevel, Index: uint64(l.Level)<<32 | uint64(l.Known), Bytes: []byte(l.Node)}
	}
	for code, err := range codes {
		if errors.Is(r.err, err) {
			return wire.Result{Code: code}
		}
	}
	return wire.Result{Code: codeOther, Bytes: []byte(r.err.Error())}
}

func fromWire(r wire.Result) result {
	switch err, known := codes[r.Code]; {
	case r.Code == codeOK:
		return result{answer: r.Bytes, index: r.Index}
	case known:
		return result{err: err}
	case r.Code == codeLevel:
		return result{err: &LevelError{Level: uint32(r.Index >> 32), Known: uint32(r.Index), Node: string(r.Bytes)}}
	default:
		return result{err: fmt.Errorf("the primary: %s", r.Bytes)}
	}
}

// barrier waits until what was acknowledged anywhere before the call is applied here: the primary says how far that is.
func (m *mesh) barrier(ctx context.Context) error {
	for {
		if err := m.j.awaitPrimary(ctx); err != nil {
			return err
		}
		to, changed := m.j.lead.primary()
		err := m.barrierAt(ctx, to)
		if err == nil || errors.Is(err, ErrClosed) || m.j.stoppedErr() != nil {
			return err
		}
		m.j.pause(ctx, changed)
		if ctx.Err() != nil {
			return fmt.Errorf("%w: %w", ErrNoPrimary, errors.Join(ctx.Err(), err))
		}
	}
}

func (m *mesh) barrierAt(ctx context.Context, to string) error {
	if to == m.j.node {
		return m.verify(ctx)
	}
	_, of := m.is()
	at, err := m.ask(ctx, to, wire.Barrier, nil)
	if err != nil {
		return err
	}
	return m.reach(ctx, to, of, at)
}

// ask asks a node for a place in its log.
func (m *mesh) ask(ctx context.Context, to string, k wire.Kind, body []byte) (wire.Place, error) {
	body, err := m.call(ctx, to, k, body)
	if err != nil {
		return wire.Place{}, err
	}
	at, _, err := wire.ParsePlace(body)
	return at, err
}

// serveBarrier says how far everything is that this node, the primary, or one before it has acknowledged.
func (m *mesh) serveBarrier(ctx context.Context) []byte {
	led := m.j.PrimaryContext() // of one leadership: the next one's has what others acknowledge in between
	at := m.j.at.place()
	at.Term = m.j.lead.term()
	if led.Err() != nil || m.verify(ctx) != nil || led.Err() != nil {
		return m.notPrimary()
	}
	return wire.Answer(wire.OK, at.Append(nil))
}
