package journal

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/millpond/millpond/journal/internal/transport"
	"github.com/millpond/millpond/journal/internal/wire"
)

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
// shows that when nobody has taken it in for a while, or brings it nearer: it may be the first one to be back, and its disk may be full.
func (m *mesh) settle(ctx context.Context) error {
	if m.fresh {
		return m.settleNew(ctx)
	}
	wait, cancel := context.WithTimeout(ctx, m.j.cfg.BootstrapWait)
	defer cancel()
	who, at, err := m.askIn(wait)
	if err == nil {
		err = m.approach(ctx, who, at)
	}
	if err != nil && ctx.Err() == nil && m.j.err() == nil {
		m.j.log.Warn("no primary yet, or not all of what it has: the replica is as it was", "error", err)
		return nil
	}
	return err
}

// approach is catchUpTo for as long as this node gets nearer to that within BootstrapWait.
func (m *mesh) approach(ctx context.Context, who string, at wire.Place) error {
	for {
		was := m.far()
		wait, cancel := context.WithTimeout(ctx, m.j.cfg.BootstrapWait)
		err := m.catchUpTo(wait, who, at)
		cancel()
		if err == nil || m.far() == was {
			return err
		}
	}
}

// far is how far this node is: what it has applied, and what is in its log.
func (m *mesh) far() [2]uint64 {
	last, _ := m.j.store.LastIndex()
	return [...]uint64{m.j.Index(), last}
}

// settleNew has a new node wait for a primary of its journal, or of the one that was begun in its place, and says who is missed.
func (m *mesh) settleNew(ctx context.Context) error {
	var missed error
	for wait := m.j.cfg.BootstrapWait; ; {
		err := m.joinWhileLed(ctx, wait)
		if err == nil {
			break
		}
		if wait < 2*callMost { // a short one may cut every question off
			wait *= 2
		}
		if ctx.Err() != nil || m.j.err() != nil {
			return errors.Join(err, missed)
		}
		other, err := m.moved(ctx)
		switch {
		case err != nil:
			return err
		case other != none:
			missed = nil
		case missed == nil:
			missed = m.missed(ctx)
			m.j.log.Warn("waiting for the journal", "error", missed)
		}
	}
	if err := m.j.state.Put(keyBegun, []byte{1}); err != nil {
		return err
	}
	return m.j.state.Put(keyJoined, []byte{1})
}

// joinWhileLed is join until nobody has led for so long.
func (m *mesh) joinWhileLed(ctx context.Context, most time.Duration) error {
	ctx, cancel := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() { m.cancelWhenUnled(ctx, most, cancel) })
	defer watch.Wait()
	defer cancel()
	return m.join(ctx)
}

// cancelWhenUnled ends a context when nobody has led for so long.
func (m *mesh) cancelWhenUnled(ctx context.Context, most time.Duration, cancel context.CancelFunc) {
	for ctx.Err() == nil {
		var unled <-chan time.Time
		to, changed := m.j.lead.primary()
		if to == "" {
			unled = time.After(most)
		}
		select {
		case <-changed:
		case <-unled:
			cancel()
		case <-ctx.Done():
		}
	}
}

// moved takes the name of the history that others have, where nobody has any of the one that this node has heard of, this node
// neither: it has been begun anew without this node. It returns none where that is not so.
func (m *mesh) moved(ctx context.Context) (there transport.Cluster, err error) {
	s, ours := m.is()
	ids, told := m.living(), ""
	for i, r := range m.askStates(ctx, ids) {
		switch {
		case r == nil || r.State != wire.Member || r.Last == 0 || r.Cluster == there:
		case r.Cluster == ours || there != none:
			return none, nil
		default:
			there, told = r.Cluster, ids[i]
		}
	}
	if there == none || m.replica(s, ours).Last > 0 { // some of it may have come meanwhile
		return none, nil
	}
	m.j.log.Warn("nobody has the journal any more: joining the one that others have", "was", ours, "is", there)
	m.told = told
	if err := m.remember(there); err != nil {
		return none, err
	}
	return there, m.belong(there)
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
	s, c := m.is()
	for id, r := range m.replicas(ctx) {
		if r.Last > 0 {
			return fmt.Errorf("node %s has a replica of journal %s and no primary: a majority of its voters is to come back; "+
				"if they are lost for good, Recover there begins anew; if its Open waits, too, that says what would do", id, c)
		}
	}
	who := "one of its nodes"
	if m.told != "" {
		who = fmt.Sprintf("node %s, which told of it, or another of its nodes", m.told)
	}
	anew := "open them again"
	if dir := m.j.cfg.Dir; dir != "" {
		anew = fmt.Sprintf("remove their journal directories (here %s), and open them again", dir)
	}
	if m.replica(s, c).Last > 0 {
		return fmt.Errorf("nobody else who answers has any of journal %s, and this node has not all of it: %s is to come back with its disk; if they are "+
			"lost for good, stop all nodes that say this, which gives up what they have of it, %s", c, who, anew)
	}
	return fmt.Errorf("nobody who answers has any of journal %s: %s is to come back with its disk; if they are lost for good, "+
		"stop all nodes that say this, which hold nothing of it yet, %s", c, who, anew)
}
