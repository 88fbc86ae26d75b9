package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"

	"github.com/millpond/millpond/journal/internal/transport"
	"github.com/millpond/millpond/journal/internal/wire"
)

// configTimeout bounds how long raft may take to begin a change of its configuration.
const configTimeout = 5 * time.Second

// settle waits until this node can be used.
func (j *Journal) settle(ctx context.Context) error {
	switch {
	case j.mesh == nil:
		return j.awaitPrimary(ctx)
	case j.mesh.founder:
		return j.mesh.settleFirst(ctx)
	}
	return j.mesh.settle(ctx)
}

// settle waits until this node has what was acknowledged when it came. A new one has nothing to show before; one that has a replica
// shows that when nobody has led for a while: it may be the first one to be back.
func (m *mesh) settle(ctx context.Context) error {
	wait, cancel := context.WithTimeout(ctx, m.j.cfg.BootstrapWait)
	err := m.join(wait)
	cancel()
	if err != nil && ctx.Err() == nil && m.j.err() == nil {
		err = m.settleWithout(ctx, err)
	}
	if err != nil || !m.fresh {
		return err
	}
	if err := m.j.state.Put(keyBegun, []byte{1}); err != nil {
		return err
	}
	return m.j.state.Put(keyJoined, []byte{1})
}

// settleWithout goes on where nobody has led for a while, which is err.
func (m *mesh) settleWithout(ctx context.Context, err error) error {
	if len(m.j.cfg.Lost) > 0 && m.j.PrimaryID() == "" {
		if _, err := m.recover(ctx, m.j.cfg.Lost); err != nil {
			return fmt.Errorf("recovering without Config.Lost: %w", err)
		}
		return m.join(ctx)
	}
	if !m.fresh {
		m.j.log.Warn("no primary yet: the replica is as it was", "error", err)
		return nil
	}
	if other, err := m.moved(ctx); err != nil || other != none {
		return errors.Join(err, m.join(ctx))
	}
	missed := m.missed(ctx)
	m.j.log.Warn("waiting for the journal", "error", missed)
	if err := m.join(ctx); err != nil {
		return errors.Join(err, missed)
	}
	return nil
}

// moved takes the name of the history that others have, where nobody has any of the one that this node has heard of, this node
// neither: it has been begun anew without this node. It returns none where that is not so.
func (m *mesh) moved(ctx context.Context) (transport.Cluster, error) {
	if last, err := m.j.store.LastIndex(); err != nil || last > 0 {
		return none, err
	}
	var there transport.Cluster
	_, ours := m.is()
	for _, r := range m.askStates(ctx, m.living()) {
		switch {
		case r == nil || r.State != wire.Member || r.Last == 0 || r.Cluster == there:
		case r.Cluster == ours || there != none:
			return none, nil
		default:
			there = r.Cluster
		}
	}
	if there == none {
		return none, nil
	}
	m.j.log.Warn("nobody has the journal any more: joining the one that others have", "was", ours, "is", there)
	return there, m.adopt(there)
}

// living are the others that are seen to live.
func (m *mesh) living() (ids []string) {
	for _, o := range m.peers.Members() {
		if o.Alive && o.ID != m.j.node {
			ids = append(ids, o.ID)
		}
	}
	return ids
}

// missed tells a person whose return a new node waits for, and what would do without.
func (m *mesh) missed(ctx context.Context) error {
	_, c := m.is()
	for id, r := range m.replicas(ctx) {
		if r.Last > 0 {
			return fmt.Errorf("node %s has a replica of journal %s and no primary: a majority of its voters is to come back; "+
				"if they are lost for good, Recover there begins anew", id, c)
		}
	}
	who := "its nodes are"
	if m.told != "" {
		who = fmt.Sprintf("node %s, which told of it, or another of its nodes is", m.told)
	}
	return fmt.Errorf("nobody here has any of journal %s: %s to come back with its disk; "+
		"if they are lost for good, open one node again that names them in Config.Lost, to begin anew", c, who)
}

// join asks the primary to take this node in, and waits until the replica is as far as the primary was then.
func (m *mesh) join(ctx context.Context) error {
	body := []byte{0}
	if m.fresh {
		body[0] = 1
	}
	var last error
	for {
		if err := m.j.err(); err != nil {
			return err
		}
		to, changed := m.j.lead.primary()
		if to == m.j.node {
			return nil
		}
		for _, id := range m.mayKnow(to) {
			who, at, err := m.joinAt(ctx, id, body)
			if err == nil {
				return errors.Join(m.reach(ctx, who, at), m.awaitReplica(ctx))
			}
			last = err
		}
		if err := waitFor(ctx, changed, lookEvery); err != nil {
			return errors.Join(fmt.Errorf("%w: %w", ErrNoPrimary, err), last)
		}
	}
}

// awaitReplica waits until this node has a part of the log, which there is to reach also where no change has been made. Without that it
// would be one whose log was lost, should it end now.
func (m *mesh) awaitReplica(ctx context.Context) error {
	for {
		_, grown := m.j.store.has(1, 1)
		if s, c := m.is(); m.replica(s, c).Last > 0 {
			return nil
		}
		if err := m.j.err(); err != nil {
			return err
		}
		if err := waitFor(ctx, grown, lookEvery); err != nil {
			return err
		}
	}
}

// joinAt asks one node, or the primary that it names.
func (m *mesh) joinAt(ctx context.Context, id string, body []byte) (who string, at wire.Place, err error) {
	one, cancel := context.WithTimeout(ctx, callMost)
	defer cancel()
	at, err = m.ask(one, id, wire.Join, body)
	if refused, ok := errors.AsType[*refusedError](err); ok && refused.primary != "" && refused.primary != id && refused.primary != m.j.node {
		id = refused.primary
		at, err = m.ask(one, id, wire.Join, body)
	}
	return id, at, err
}

// mayKnow are the nodes to ask for the primary: itself, if it is known, else all that take part.
func (m *mesh) mayKnow(primary string) []string {
	if primary != "" {
		return []string{primary}
	}
	return m.inState(wire.Member)
}

// inState are the other nodes of this history that live and say that they are in that state.
func (m *mesh) inState(s wire.NodeState) (ids []string) {
	_, c := m.is()
	for _, o := range m.peers.Members() {
		meta, err := wire.ParseMeta(o.Meta)
		if err == nil && o.Alive && o.ID != m.j.node && m.stateOf(&o, meta) == s && meta.Cluster == c {
			ids = append(ids, o.ID)
		}
	}
	return ids
}

// stateOf is what a node says of itself: that it leaves it has perhaps told this node, and not yet everybody.
func (m *mesh) stateOf(o *Member, meta wire.Meta) wire.NodeState {
	m.mu.Lock()
	defer m.mu.Unlock()
	if since, told := m.mu.leaving[o.ID]; told && since.Equal(o.Since) {
		return wire.Leaving
	}
	return meta.State
}

// noteLeaving notes that a member has said that it goes.
func (m *mesh) noteLeaving(id string) {
	members := m.peers.Members()
	m.mu.Lock()
	defer m.mu.Unlock()
	was := m.mu.leaving
	m.mu.leaving = make(map[string]time.Time)
	for _, o := range members {
		since, told := was[o.ID]
		switch {
		case o.ID == id:
			m.mu.leaving[id] = o.Since
		case told && since.Equal(o.Since):
			m.mu.leaving[o.ID] = since
		}
	}
}

// serveJoin takes a node in as one that follows without a vote. One that has lost its log must not keep a vote that it had.
func (m *mesh) serveJoin(ctx context.Context, from string, body []byte) []byte {
	id := raft.ServerID(from)
	s, in := m.suffrage(from)
	if in && s == raft.Voter && len(body) > 0 && body[0] == 1 {
		if err := m.configure(func() raft.Future { return m.j.raft.RemoveServer(id, 0, configTimeout) }); err != nil {
			return m.changeFailed(err)
		}
		in = false
	}
	if !in {
		err := m.configure(func() raft.Future { return m.j.raft.AddNonvoter(id, raft.ServerAddress(from), 0, configTimeout) })
		if err != nil {
			return m.changeFailed(err)
		}
	}
	return m.serveBarrier(ctx)
}

// configure makes a change of the configuration for another node. Close waits for it: raft does not answer what is under way when it ends.
func (m *mesh) configure(change func() raft.Future) error {
	m.mu.Lock()
	if m.ctx.Err() != nil {
		m.mu.Unlock()
		return ErrClosed
	}
	m.running.Add(1)
	m.mu.Unlock()
	defer m.running.Done()
	return change().Error()
}

func (m *mesh) changeFailed(err error) []byte {
	if errors.Is(err, raft.ErrNotLeader) || errors.Is(err, raft.ErrLeadershipLost) {
		return m.notPrimary()
	}
	return failed(err)
}

// suffrage is what a node is in the newest configuration.
func (m *mesh) suffrage(id string) (s raft.ServerSuffrage, in bool) {
	for _, o := range m.j.raft.GetConfiguration().Configuration().Servers {
		if string(o.ID) == id {
			return o.Suffrage, true
		}
	}
	return 0, false
}
