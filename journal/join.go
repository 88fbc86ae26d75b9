package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"

	"github.com/millpond/millpond/journal/internal/wire"
)

// configTimeout bounds how long raft may take to begin a change of its configuration.
const configTimeout = 5 * time.Second

// settle waits until this node can be used.
func (j *Journal) settle(ctx context.Context) error {
	if j.mesh == nil || j.mesh.founder {
		return j.awaitPrimary(ctx)
	}
	return j.mesh.settle(ctx)
}

// settle waits until this node has what was acknowledged when it came. A new one has nothing to show before; one that has a replica
// shows that when nobody has led for a while: it may be the first one to be back.
func (m *mesh) settle(ctx context.Context) error {
	wait := ctx
	if !m.fresh {
		var cancel context.CancelFunc
		wait, cancel = context.WithTimeout(ctx, m.j.cfg.BootstrapWait)
		defer cancel()
	}
	err := m.join(wait)
	if err != nil && !m.fresh && ctx.Err() == nil && m.j.err() == nil {
		m.j.log.Warn("no primary yet: the replica is as it was", "error", err)
		return nil
	}
	if err != nil || !m.fresh {
		return err
	}
	if err := m.j.state.Put(keyBegun, []byte{1}); err != nil {
		return err
	}
	return m.j.state.Put(keyJoined, []byte{1})
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
				return m.reach(ctx, who, at)
			}
			last = err
		}
		if err := waitFor(ctx, changed, lookEvery); err != nil {
			return errors.Join(fmt.Errorf("%w: %w", ErrNoPrimary, err), last)
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
		if err := m.j.raft.RemoveServer(id, 0, configTimeout).Error(); err != nil {
			return m.changeFailed(err)
		}
		in = false
	}
	if !in {
		if err := m.j.raft.AddNonvoter(id, raft.ServerAddress(from), 0, configTimeout).Error(); err != nil {
			return m.changeFailed(err)
		}
	}
	return m.serveBarrier(ctx)
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
