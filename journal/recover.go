package journal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/hashicorp/raft"

	"github.com/millpond/millpond/journal/internal/transport"
	"github.com/millpond/millpond/journal/internal/wire"
)

// Recovery says what Recover has made of the journal.
type Recovery struct {
	From   string   // the node whose replica was the newest one
	Index  uint64   // last change that it had applied before; what else is in its log counts too
	Silent []string // nodes that were there and did not answer, being lost or gone by then: what only they have is gone
}

// ErrNotLost says that Recover was asked for without need or without all that it takes; the error says what.
var ErrNotLost = errors.New("the journal is not to be recovered")

// Recover begins the journal anew from the newest replica that answers, after a majority of its voters was lost for good. Only a person can
// tell that from a partition: lost must name every voter that does not answer, and they must be a majority's loss. It refuses
// while anybody leads. Changes that only lost nodes had are gone, acknowledged ones too.
//
// It waits, within ctx, for the answer of every node that lives and is not named as lost, also without a vote: a slow one may have what the
// others lack. An error names those that had not answered by then.
//
// The journal gets another name with it: a lost node that comes back after all is refused with a [*ClusterError], as is any that did
// not answer now. Their directories are to be emptied before they join again.
func (j *Journal) Recover(ctx context.Context, lost []string) (Recovery, error) {
	if err := j.err(); err != nil {
		return Recovery{}, err
	}
	if j.mesh == nil {
		return Recovery{}, fmt.Errorf("%w: this node is alone, and its own only voter", ErrNotLost)
	}
	return j.mesh.recover(ctx, lost)
}

func (m *mesh) recover(ctx context.Context, lost []string) (Recovery, error) {
	all, silent, err := m.survivors(ctx, lost)
	if err != nil {
		return Recovery{}, err
	}
	state, ours := m.is()
	all[m.j.node] = m.replica(state, ours)
	if err := m.mayRecover(all, lost); err != nil {
		return Recovery{}, err
	}
	from := newest(all)
	next := newCluster()
	if from == m.j.node {
		err = m.lead(ctx, ours, next)
	} else {
		_, err = m.call(ctx, from, wire.Recover, next[:])
	}
	if err != nil {
		return Recovery{}, fmt.Errorf("recovering from node %s: %w", from, err)
	}
	m.j.log.Warn("journal recovered", "from", from, "lost", lost, "was", ours, "is", next)
	for id := range all {
		if id == from {
			continue
		}
		if aerr := m.tellAdopt(ctx, id, ours, next); aerr != nil {
			err = errors.Join(err, fmt.Errorf("node %s has not taken the new name %s: %w", id, next, aerr))
		}
	}
	return Recovery{From: from, Index: all[from].Index, Silent: silent}, errors.Join(err, m.j.awaitPrimary(ctx))
}

// mayRecover checks what a person says against what this node sees.
func (m *mesh) mayRecover(all map[string]wire.Replica, lost []string) error {
	if id := m.j.PrimaryID(); id != "" {
		return fmt.Errorf("%w: node %s leads", ErrNotLost, id)
	}
	voters, gone := 0, 0
	for _, s := range m.j.raft.GetConfiguration().Configuration().Servers {
		id := string(s.ID)
		answers := all[id].Last > 0 // one whose disk was lost has nothing to answer with
		named := slices.Contains(lost, id)
		switch {
		case s.Suffrage != raft.Voter:
			continue
		case named && answers:
			return fmt.Errorf("%w: node %s is named as lost, and answers", ErrNotLost, id)
		case !named && !answers:
			return fmt.Errorf("%w: voter %s does not answer, or has lost what it had, and is not named as lost", ErrNotLost, id)
		case named:
			gone++
		}
		voters++
	}
	if voters-gone > voters/2 {
		return fmt.Errorf("%w: %d of %d voters answer, which is enough to go on", ErrNotLost, voters-gone, voters)
	}
	return nil
}

// newest is the node that raft would elect: whose log ends last. Of equal ones that with the lowest id.
func newest(all map[string]wire.Replica) string {
	ids := make([]string, 0, len(all))
	for id := range all {
		ids = append(ids, id)
	}
	return slices.MinFunc(ids, func(a, b string) int {
		x, y := all[a], all[b]
		return cmp.Or(cmp.Compare(y.LastTerm, x.LastTerm), cmp.Compare(y.Last, x.Last), cmp.Compare(a, b))
	})
}

// rename gives the journal another name than old here, once however many ask for it.
func (m *mesh) rename(ctx context.Context, old transport.Cluster, change func() error) error {
	return m.seat(ctx, func() error {
		if _, ours := m.is(); ours != old {
			return fmt.Errorf("%w: it has been recovered as journal %s", ErrNotLost, ours)
		}
		return change()
	})
}

// lead makes this node the only voter of a journal with another name, as far as its own log goes.
func (m *mesh) lead(ctx context.Context, old, next transport.Cluster) error {
	return m.rename(ctx, old, func() error {
		if id := m.j.PrimaryID(); id != "" {
			return fmt.Errorf("%w: node %s leads", ErrNotLost, id)
		}
		return m.leadAlone(old, next)
	})
}

// leadAlone tells raft so as a primary of a later term would: one more entry, a configuration, and everything up to it is committed. The new
// name is there first: those that were lost may lead under the old one.
func (m *mesh) leadAlone(old, next transport.Cluster) error {
	if err := m.j.state.Put(keyCluster, next[:]); err != nil {
		return err
	}
	err := m.appendAlone()
	if errors.Is(err, transport.ErrRefused) {
		return errors.Join(err, m.j.state.Put(keyCluster, old[:]))
	}
	if err = errors.Join(err, m.belong(next)); err == nil {
		m.trans.Elect()
	}
	return err
}

// appendAlone has this node's log end with a configuration of which it is the only voter.
func (m *mesh) appendAlone() error {
	state, ours := m.is()
	at := m.replica(state, ours)
	conf := raft.Configuration{Servers: []raft.Server{{
		Suffrage: raft.Voter, ID: raft.ServerID(m.j.node), Address: raft.ServerAddress(m.j.node),
	}}}
	term := m.j.raft.CurrentTerm() + 1
	entry := &raft.Log{Index: at.Last + 1, Term: term, Type: raft.LogConfiguration, Data: raft.EncodeConfiguration(conf)}
	return m.trans.Append(transport.Committed{Primary: m.j.node, Term: term, Index: at.Last, Of: at.LastTerm}, entry)
}

// adopt takes the journal's new name.
func (m *mesh) adopt(ctx context.Context, old, next transport.Cluster) error {
	return m.rename(ctx, old, func() error {
		if err := m.j.state.Put(keyCluster, next[:]); err != nil {
			return err
		}
		return m.belong(next)
	})
}

func (m *mesh) tellAdopt(ctx context.Context, id string, old, next transport.Cluster) error {
	if id == m.j.node {
		return m.adopt(ctx, old, next)
	}
	_, err := m.call(ctx, id, wire.Adopt, append(old[:], next[:]...))
	return err
}

// serveRecover is asked of the node whose replica is the newest one.
func (m *mesh) serveRecover(ctx context.Context, old transport.Cluster, body []byte) []byte {
	if len(body) != len(none) {
		return failed(wire.ErrFormat)
	}
	if err := m.lead(ctx, old, transport.Cluster(body)); err != nil {
		return failed(err)
	}
	return wire.Answer(wire.OK, nil)
}

// serveAdopt is asked of the other survivors.
func (m *mesh) serveAdopt(ctx context.Context, body []byte) []byte {
	_, ours := m.is()
	if len(body) != 2*len(none) {
		return failed(wire.ErrFormat)
	}
	old, next := transport.Cluster(body), transport.Cluster(body[len(none):])
	if old != ours {
		return wire.Answer(wire.OtherCluster, ours[:])
	}
	if err := m.adopt(ctx, old, next); err != nil {
		return failed(err)
	}
	return wire.Answer(wire.OK, nil)
}
