package journal

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"github.com/millpond/millpond/journal/internal/transport"
	"github.com/millpond/millpond/journal/internal/wire"
)

// mesh is what a journal with peers has more than one that is alone.
type mesh struct {
	j       *Journal
	peers   Peers
	trans   *transport.Transport
	founder bool   // this node begins the journal
	fresh   bool   // this node has not been caught up with the others yet
	told    string // who has told a new node of the journal that it joins; "" if this is not known
	ctx     context.Context
	cancel  context.CancelFunc // at Close
	running sync.WaitGroup
	seats   chan struct{} // capacity 1: who changes the configuration because a node leaves has it

	verifies verifier
	room     int64        // takenMost
	taken    atomic.Int64 // bytes of the batches of others that wait here

	mu struct {
		sync.Mutex
		state    wire.NodeState
		cluster  transport.Cluster
		missing  map[string]time.Time         // in the configuration and no member; since when the primary misses it
		conflict map[string]transport.Cluster // reported
		leaving  map[string]time.Time         // told this node that they go; since when they were members
	}
}

func newMesh(j *Journal) *mesh {
	m := &mesh{j: j, peers: j.cfg.Peers, seats: make(chan struct{}, 1), room: takenMost}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	m.trans = transport.New(j.node, m.peers.Dial, newRaftLogger(j.log))
	m.verifies.m, m.verifies.mu.asked = m, make(map[string]*round)
	m.mu.missing = make(map[string]time.Time)
	m.mu.conflict = make(map[string]transport.Cluster)
	m.mu.leaving = make(map[string]time.Time)
	return m
}

// belong makes this node one of cluster c.
func (m *mesh) belong(c transport.Cluster) error {
	m.trans.Join(c)
	return m.say(wire.Member, c)
}

func (m *mesh) say(s wire.NodeState, c transport.Cluster) error {
	m.mu.Lock()
	m.mu.cluster, m.mu.state = c, s
	m.mu.Unlock()
	return m.announce()
}

func (m *mesh) turn(s wire.NodeState) error {
	m.mu.Lock()
	m.mu.state = s
	m.mu.Unlock()
	return m.announce()
}

func (m *mesh) announce() error {
	s, c := m.is()
	return m.peers.Announce(wire.Meta{State: s, Cluster: c}.Append(nil))
}

func (m *mesh) is() (wire.NodeState, transport.Cluster) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mu.state, m.mu.cluster
}

// stop ends what waits for others. Raft must still run.
func (m *mesh) stop() {
	m.mu.Lock()
	m.cancel() // from now on configure begins nothing
	m.mu.Unlock()
	m.running.Wait()
	m.trans.Stop()
}

// refusedError says that a node did not do what it was asked for.
type refusedError struct {
	node, why string
	primary   string // who leads, if it says
}

func (e *refusedError) Error() string { return fmt.Sprintf("node %s: %s", e.node, e.why) }

// call asks another node's journal.
func (m *mesh) call(ctx context.Context, to string, k wire.Kind, body []byte) ([]byte, error) {
	_, c := m.is()
	req := wire.AppendRequest(make([]byte, 0, wire.HeadLen+len(body)), k, c)
	b, err := m.peers.Call(ctx, to, append(req, body...))
	if err != nil {
		return nil, err
	}
	status, body, err := wire.ParseAnswer(b)
	if err != nil {
		return nil, err
	}
	switch {
	case status == wire.OK:
		return body, nil
	case status == wire.NotPrimary:
		return nil, &refusedError{node: to, why: "is not the primary", primary: string(body)}
	case status == wire.Busy:
		return nil, &busyError{node: to}
	case status == wire.OtherCluster && len(body) == len(c):
		err := &ClusterError{Node: to, Ours: c, Theirs: transport.Cluster(body)}
		m.conflict(err)
		return nil, errors.Join(&refusedError{node: to, why: "another journal"}, err)
	default:
		return nil, &refusedError{node: to, why: string(body)}
	}
}

// conflict tells a person, once for each node and history.
func (m *mesh) conflict(err *ClusterError) {
	m.mu.Lock()
	known := m.mu.conflict[err.Node] == err.Theirs
	m.mu.conflict[err.Node] = err.Theirs
	m.mu.Unlock()
	if known {
		return
	}
	m.j.log.Error("two journals in one mesh", "error", err)
	if m.j.cfg.Events.Conflict != nil {
		m.j.cfg.Events.Conflict(err)
	}
}

// ServeStream implements Server.
func (m *mesh) ServeStream(from string, conn net.Conn) {
	err := m.trans.Serve(from, conn, m.serveOther)
	if err == nil {
		return
	}
	if other, ok := errors.AsType[*ClusterError](err); ok {
		m.conflict(other)
	}
	m.j.log.Debug("stream refused", "from", from, "error", err)
}

func (m *mesh) serveOther(k transport.Kind, conn net.Conn) {
	defer func() { _ = conn.Close() }()
	if k != transport.KindCheckpoint {
		return
	}
	if err := m.serveCheckpoint(conn); err != nil {
		m.j.log.Warn("checkpoint not sent", "error", err)
	}
}

// ServeCall implements Server.
func (m *mesh) ServeCall(ctx context.Context, from string, req []byte) ([]byte, error) {
	k, theirs, body, err := wire.ParseRequest(req)
	if err != nil {
		return nil, err
	}
	state, ours := m.is()
	switch {
	case m.j.err() != nil:
		return failed(m.j.err()), nil
	case k == wire.State:
		return wire.Answer(wire.OK, m.replica(state, ours).Append(nil)), nil
	case !m.j.store.running.Load():
		return failed(transport.ErrNotReady), nil
	case k == wire.Adopt:
		return m.serveAdopt(ctx, body), nil
	case theirs != ours:
		m.conflict(&ClusterError{Node: from, Ours: ours, Theirs: theirs})
		return wire.Answer(wire.OtherCluster, ours[:]), nil
	}
	switch {
	case k == wire.Recover:
		return m.serveRecover(ctx, ours, body), nil
	case !m.j.Primary():
		return m.notPrimary(), nil
	}
	switch k {
	case wire.Propose:
		return m.servePropose(ctx, body)
	case wire.Barrier:
		return m.serveBarrier(ctx), nil
	case wire.Join:
		return m.serveJoin(ctx, from, body), nil
	case wire.Leave:
		return m.serveLeave(ctx, from), nil
	default:
		return failed(fmt.Errorf("%w: unknown kind %d", wire.ErrFormat, k)), nil
	}
}

// replica says how far this node is.
func (m *mesh) replica(s wire.NodeState, c transport.Cluster) wire.Replica {
	r := wire.Replica{Meta: wire.Meta{State: s, Cluster: c}, Index: m.j.Index()}
	var l raft.Log
	if last, err := m.j.store.LastIndex(); err == nil && last > 0 && m.j.store.peek(last, &l) == nil {
		r.Last, r.LastTerm = last, l.Term
	}
	r.First, _ = m.j.store.FirstIndex()
	if list, err := m.j.snaps.List(); err == nil && len(list) > 0 {
		r.Checkpoint = list[0].Index
		if r.Checkpoint > r.Last {
			r.Last, r.LastTerm = list[0].Index, list[0].Term
		}
	}
	return r
}

func failed(err error) []byte { return wire.Answer(wire.Failed, []byte(err.Error())) }

func (m *mesh) notPrimary() []byte { return wire.Answer(wire.NotPrimary, []byte(m.j.PrimaryID())) }

// commit tells the local raft what node who has said about its log.
func (m *mesh) commit(who string, at wire.Place) {
	m.trans.Commit(transport.Committed{Primary: who, Term: at.Term, Index: at.Raft, Of: at.Of})
}
