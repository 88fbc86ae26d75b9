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

// hasBegun says whether a history that this node was to begin has more than there can be before others hear of it. If not, that is
// deleted: others may have begun another one meanwhile.
func (m *mesh) hasBegun() (bool, error) {
	begun, err := m.hasMore()
	if err != nil || begun {
		return begun, err
	}
	return false, errors.Join(m.j.snaps.Clear(), m.j.store.clear())
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

// mayBegin is asked when the state is the one that the history begins with, which may have taken long: others that took this node for
// dead may have begun theirs.
func (m *mesh) mayBegin() error {
	_, mine := m.is()
	seen, err := m.look()
	if err == nil && seen.history != none && seen.history != mine {
		err = &ClusterError{Node: seen.member, Ours: mine, Theirs: seen.history}
	}
	if err != nil {
		return fmt.Errorf("others have begun meanwhile, open again to join them: %w", err)
	}
	return nil
}

// begun tells the others of the history that this node has begun. Not before raft has its state: one that cannot be restored, or that
// the process ends over, is nobody's, and this node is to join what the others begin then.
func (m *mesh) begun() error {
	s, mine := m.is()
	if s != wire.Founding {
		return nil
	}
	if err := m.mayBegin(); err != nil {
		return err
	}
	return m.belong(mine)
}

// settleFirst waits until this node, which begins the journal, can be used: the other new nodes are to have taken its name. They
// would begin their own, should this one die with changes that it has acknowledged, and that they have not heard of.
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

// deaf says whether another new node that lives has not heard of the journal. They are asked themselves, since what they announce takes
// its time.
func (m *mesh) deaf(ctx context.Context) (bool, error) {
	seen, err := m.look()
	others := slices.DeleteFunc(seen.fresh, func(id string) bool { return id == m.j.node })
	if err != nil || len(others) == 0 {
		return false, err
	}
	is := m.askStates(ctx, others)
	return slices.ContainsFunc(is, func(o *wire.Replica) bool { return o == nil || o.State == wire.Fresh }), nil
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
