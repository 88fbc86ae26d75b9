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

// join asks the primary to take this node in, and waits until the replica is as far as the primary was then.
func (m *mesh) join(ctx context.Context) error {
	who, at, err := m.askIn(ctx)
	if err != nil {
		return err
	}
	return m.catchUpTo(ctx, who, at)
}

// askIn asks the primary to take this node in, and how far it is, until one does.
func (m *mesh) askIn(ctx context.Context) (who string, at wire.Place, err error) {
	body := []byte{0}
	if m.fresh {
		body[0] = 1
	}
	var last error
	for {
		if err := m.j.err(); err != nil {
			return "", wire.Place{}, err
		}
		to, changed := m.j.lead.primary()
		if to == m.j.node {
			return to, wire.Place{}, nil
		}
		ids := m.mayKnow(to)
		if to == "" { // who leaves hands over to whom it has taken in
			ids = append(ids, m.inState(wire.Leaving)...)
		}
		for _, id := range ids {
			if who, at, err = m.joinAt(ctx, id, body); err == nil {
				return who, at, nil
			}
			last = err
		}
		if err := waitFor(ctx, changed, lookEvery); err != nil {
			return "", wire.Place{}, errors.Join(fmt.Errorf("%w: %w", ErrNoPrimary, err), last)
		}
	}
}

// catchUpTo waits until the replica is as far as node who was, and has a part of the log, which there is to reach also where no change has
// been made: without that it would be one whose log was lost, should it end now.
func (m *mesh) catchUpTo(ctx context.Context, who string, at wire.Place) error {
	_, of := m.is()
	if err := m.reach(ctx, who, of, at); err != nil {
		return err
	}
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
