package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/hashicorp/raft"

	"github.com/millpond/millpond/journal/internal/transport"
	"github.com/millpond/millpond/journal/internal/wire"
)

// founds says whether an earlier run of this node was to begin history c, and others may not have heard that it has. Nobody else can.
func (m *mesh) founds(c transport.Cluster) (bool, error) {
	of, _, err := m.j.state.Get(keyFounder)
	if err != nil || !bytes.Equal(of, c[:]) {
		return false, err
	}
	_, begun, err := m.j.state.Get(keyBegun)
	return !begun, err
}

// dropUnheard deletes what this node has of a history that it was to begin, if that is all that there can be before others hear of it:
// they may have begun another one meanwhile. If there is more that is kept, and the node is one that has a replica, as any other.
func (m *mesh) dropUnheard() (kept bool, err error) {
	if kept, err = m.hasMore(); err != nil {
		return false, err
	}
	if !kept {
		return false, errors.Join(m.j.snaps.Clear(), m.j.store.clear())
	}
	m.founder = false
	return true, m.j.state.Put(keyBegun, []byte{1})
}

// hasMore looks for more than what comes first, and what a primary writes by itself when it begins to lead.
func (m *mesh) hasMore() (bool, error) {
	if newest, _ := m.j.snaps.Last(); newest > restoredAt {
		return true, nil
	}
	last, err := m.j.store.LastIndex()
	for i := uint64(restoredAt + 1); err == nil && i <= last; i++ {
		var l raft.Log
		if err = m.j.store.peek(i, &l); err == nil && l.Type != raft.LogNoop && l.Type != raft.LogBarrier {
			return true, nil
		}
	}
	return false, err
}

// lookForOthers looks for those that have begun a history of theirs, having taken this node for dead, or not heard of it: an error.
func (m *mesh) lookForOthers() (sight, error) {
	seen, err := m.look()
	if err != nil {
		return seen, othersBegan(err)
	}
	return seen, m.isMine(seen.member, seen.history)
}

// isMine is an error where node id has a part of another history than this node begins.
func (m *mesh) isMine(id string, c transport.Cluster) error {
	if _, mine := m.is(); c != none && c != mine {
		return othersBegan(&ClusterError{Node: id, Ours: mine, Theirs: c})
	}
	return nil
}

func othersBegan(err error) error {
	return fmt.Errorf("others have begun meanwhile, open again to join them: %w", err)
}

// begun tells the others of the history that this node has begun. Not before raft has its state: one that cannot be restored, or that
// the process ends over, is nobody's, and this node is to join what the others begin then.
func (m *mesh) begun() error {
	s, mine := m.is()
	if s != wire.Founding {
		return nil
	}
	if _, err := m.lookForOthers(); err != nil { // the state that the history begins with may have taken long
		return err
	}
	return m.belong(mine)
}

// settleFirst waits until this node, which begins the journal, can be used: the other new nodes are to have taken its name, if they do
// within BootstrapWait. They would begin their own, should this one die with changes that it has acknowledged, and that they have not
// heard of. Those that have heard may be served meanwhile: they wait for this node, should it die.
func (m *mesh) settleFirst(ctx context.Context) error {
	if err := m.j.awaitPrimary(ctx); err != nil {
		return err
	}
	if err := m.awaitHeard(ctx); err != nil {
		return err
	}
	return m.j.state.Put(keyBegun, []byte{1})
}

// awaitHeard waits until no other node that lives is new, for so long as those are waited for: one that answers nothing holds up nobody.
func (m *mesh) awaitHeard(ctx context.Context) error {
	wait, cancel := context.WithTimeout(ctx, m.j.cfg.BootstrapWait)
	defer cancel()
	for {
		changed := m.peers.Changed()
		deaf, err := m.deaf(wait)
		if err != nil || !deaf {
			return err
		}
		if waitFor(wait, changed, lookEvery) != nil {
			return ctx.Err()
		}
	}
}

// deaf says whether another new node that lives has not heard of the journal: one that begins its own has not. They are asked themselves,
// since what they announce takes its time.
func (m *mesh) deaf(ctx context.Context) (deaf bool, err error) {
	seen, err := m.lookForOthers()
	if err != nil {
		return false, err
	}
	others := slices.DeleteFunc(seen.fresh, func(id string) bool { return id == m.j.node })
	if seen.founder != "" {
		others = append(others, seen.founder)
	}
	for i, o := range m.askStates(ctx, others) {
		switch {
		case o == nil || o.State == wire.Fresh || o.State == wire.Founding:
			deaf = true
		default:
			err = errors.Join(err, m.isMine(others[i], o.Cluster))
		}
	}
	return deaf, err
}

// askStates asks nodes what they are, all at once; nil for those that do not answer.
func (m *mesh) askStates(ctx context.Context, ids []string) []*wire.Replica {
	ctx, cancel := context.WithTimeout(ctx, statusTime)
	defer cancel()
	is := make([]*wire.Replica, len(ids))
	var all sync.WaitGroup
	for i, id := range ids {
		all.Go(func() {
			if r, err := m.status(ctx, id); err == nil {
				is[i] = &r
			}
		})
	}
	all.Wait()
	return is
}
