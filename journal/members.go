package journal

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/millpond/millpond/journal/internal/transport"
	"github.com/millpond/millpond/journal/internal/voters"
	"github.com/millpond/millpond/journal/internal/wire"
)

const (
	// tendEvery is how often the primary looks at the members when nothing tells it to: times of grace end between changes.
	tendEvery = 500 * time.Millisecond
	// near is how many raft entries a node may be behind and get a vote: less than a second of work.
	near = 1000
	// statusTime bounds the question how far a node is.
	statusTime = time.Second
)

func (m *mesh) start() { m.running.Go(m.tend) }

// tend lets the primary choose who votes, for as long as this node leads.
func (m *mesh) tend() {
	for m.ctx.Err() == nil {
		changed := m.peers.Changed()
		led, turned := m.j.lead.get()
		if s, _ := m.is(); led != nil && s == wire.Member && m.step(led) {
			continue
		}
		select {
		case <-m.ctx.Done():
		case <-turned:
		case <-changed:
		case <-time.After(tendEvery):
		}
	}
}

// step makes the next change; false if there is none, or it failed and is to be tried later.
func (m *mesh) step(led context.Context) bool {
	nodes := m.nodes()
	c := voters.Step(m.j.node, nodes, voters.DefaultTimes, time.Now())
	if c.Do == voters.Promote {
		m.survey(led, nodes)
		c = voters.Step(m.j.node, nodes, voters.DefaultTimes, time.Now())
	}
	if c.Do == voters.None || led.Err() != nil {
		return false
	}
	err := m.make(c)
	m.j.log.Info("change of voters", "do", c.Do.String(), "node", c.ID, "error", err)
	return err == nil
}

func (m *mesh) make(c voters.Change) error {
	id, addr := raft.ServerID(c.ID), raft.ServerAddress(c.ID)
	switch c.Do {
	case voters.Add:
		return m.j.raft.AddNonvoter(id, addr, 0, configTimeout).Error()
	case voters.Promote:
		return m.j.raft.AddVoter(id, addr, 0, configTimeout).Error()
	case voters.Demote:
		return m.j.raft.DemoteVoter(id, 0, configTimeout).Error()
	case voters.Remove:
		return m.j.raft.RemoveServer(id, 0, configTimeout).Error()
	}
	return errors.New("nothing to change")
}

// nodes are what the primary knows: the members of this journal, and whoever else is in the configuration.
func (m *mesh) nodes() []voters.Node {
	_, ours := m.is()
	in := make(map[string]raft.ServerSuffrage)
	for _, s := range m.j.raft.GetConfiguration().Configuration().Servers {
		in[string(s.ID)] = s.Suffrage
	}
	var nodes []voters.Node
	seen := make(map[string]bool)
	for _, o := range m.peers.Members() {
		suffrage, is := in[o.ID]
		meta, err := wire.ParseMeta(o.Meta)
		takesPart := err == nil && m.stateOf(&o, meta) == wire.Member && meta.Cluster == ours
		if err == nil && o.Alive && meta.State == wire.Member && meta.Cluster != ours {
			m.conflict(&ClusterError{Node: o.ID, Ours: ours, Theirs: transport.Cluster(meta.Cluster)})
		}
		if o.ID == m.j.node {
			takesPart = true
		}
		if !is && !takesPart {
			continue
		}
		seen[o.ID] = true
		nodes = append(nodes, voters.Node{
			ID: o.ID, Zone: o.Zone, Alive: o.Alive && takesPart, Left: o.Left, Since: o.Since,
			In: is, Voter: is && suffrage == raft.Voter,
		})
	}
	for id, suffrage := range in {
		if !seen[id] {
			nodes = append(nodes, voters.Node{ID: id, In: true, Voter: suffrage == raft.Voter, Since: m.missing(id)})
		}
	}
	m.found(seen)
	return nodes
}

// missing is since when a node of the configuration is no member.
func (m *mesh) missing(id string) time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	since, ok := m.mu.missing[id]
	if !ok {
		since = time.Now()
		m.mu.missing[id] = since
	}
	return since
}

func (m *mesh) found(ids map[string]bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.mu.missing, func(id string, _ time.Time) bool { return ids[id] })
}

// survey asks who has no vote how far it is, all at once.
func (m *mesh) survey(ctx context.Context, nodes []voters.Node) {
	ctx, cancel := context.WithTimeout(ctx, statusTime)
	defer cancel()
	var all sync.WaitGroup
	for i := range nodes {
		n := &nodes[i]
		if n.Voter || !n.Alive || !n.In {
			continue
		}
		all.Go(func() {
			n.Behind = !m.isNear(ctx, n.ID)
		})
	}
	all.Wait()
}

// status asks a node how far it is.
func (m *mesh) status(ctx context.Context, id string) (wire.Replica, error) {
	b, err := m.call(ctx, id, wire.State, nil)
	if err != nil {
		return wire.Replica{}, err
	}
	return wire.ParseReplica(b)
}
