package journal

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/millpond/millpond/journal/internal/lone"
	"github.com/millpond/millpond/journal/internal/transport"
	"github.com/millpond/millpond/journal/internal/wire"
)

const (
	// keyCluster names the history that this node has a part of. A node that has it never begins another one.
	keyCluster = "mesh/cluster"
	// keyFounder names the history that this node begins: one that ends before its log has a first entry goes on with that.
	keyFounder = "mesh/founder"
	// keyJoined says that the replica has been caught up once.
	keyJoined = "mesh/joined"
)

// none is no history.
var none transport.Cluster

// lookEvery is how often a new node looks whether a journal has shown up, should no change of the members tell it.
const lookEvery = 100 * time.Millisecond

// enter decides, before raft starts, whether this node begins a journal, goes on with its own or takes part in others'.
func (j *Journal) enter(ctx context.Context) error {
	if j.cfg.Peers == nil {
		j.trans = lone.New(j.node)
		if j.cfg.Restore != nil {
			return j.nameHistory()
		}
		return nil
	}
	j.mesh = newMesh(j)
	j.trans = j.mesh.trans
	j.mesh.peers.Serve(j.mesh)
	err := j.mesh.enter(ctx)
	if err != nil {
		err = errors.Join(err, j.leave())
	}
	return err
}

// leave ends what enter began, where raft does not.
func (j *Journal) leave() error {
	if j.mesh == nil {
		return nil
	}
	close(j.closing)
	j.mesh.stop()
	return j.mesh.trans.Close()
}

func (m *mesh) enter(ctx context.Context) error {
	mine, member, err := m.remembered()
	if err != nil {
		return err
	}
	if !member {
		if mine, err = m.find(ctx); err != nil {
			return err
		}
		if err := m.remember(mine); err != nil {
			return err
		}
	}
	if m.fresh, err = m.isFresh(); err != nil {
		return err
	}
	if err := m.belong(mine); err != nil {
		return err
	}
	return m.catchUp(ctx)
}

// remember keeps the history that this node has a part of from now on.
func (m *mesh) remember(c transport.Cluster) error {
	if m.founder {
		if err := m.j.state.Put(keyFounder, c[:]); err != nil {
			return err
		}
	}
	return m.j.state.Put(keyCluster, c[:])
}

// founds says whether an earlier run of this node was to begin history c, and came to no first entry. Nobody else can.
func (m *mesh) founds(c transport.Cluster) (bool, error) {
	of, _, err := m.j.state.Get(keyFounder)
	if err != nil || !bytes.Equal(of, c[:]) {
		return false, err
	}
	_, begun, err := m.j.state.Get(keyBegun)
	return !begun, err
}

// isFresh says whether this node has yet to get what the others have.
func (m *mesh) isFresh() (bool, error) {
	if m.founder {
		return false, m.j.state.Put(keyJoined, []byte{1})
	}
	_, joined, err := m.j.state.Get(keyJoined)
	return !joined, err
}

// remembered is the history that this node has a part of, if any. One that was begun without peers gets its name now.
func (m *mesh) remembered() (c transport.Cluster, member bool, err error) {
	b, ok, err := m.j.state.Get(keyCluster)
	if err != nil || ok && len(b) != len(c) {
		return c, false, errors.Join(err, fmt.Errorf("journal %s: the name of its history has %d bytes", m.j.cfg.Dir, len(b)))
	}
	if ok {
		c = transport.Cluster(b)
		m.founder, err = m.founds(c)
		return c, true, err
	}
	_, begun, err := m.j.state.Get(keyBegun)
	if err != nil || !begun {
		return c, false, err
	}
	c = newCluster()
	if err := m.j.state.Put(keyJoined, []byte{1}); err != nil {
		return c, false, err
	}
	return c, true, m.j.state.Put(keyCluster, c[:])
}

func newCluster() (c transport.Cluster) {
	_, _ = rand.Read(c[:]) // never fails
	return c
}

// find waits for a journal to show up, or for the time to begin one.
func (m *mesh) find(ctx context.Context) (transport.Cluster, error) {
	if err := m.announce(); err != nil {
		return none, err
	}
	until := time.Now().Add(m.j.cfg.BootstrapWait)
	for {
		changed := m.peers.Changed()
		seen, fresh, err := m.look()
		if err != nil || seen != none {
			return seen, err
		}
		if m.mayFound(fresh, !time.Now().Before(until)) {
			if seen = m.askFresh(ctx, fresh); seen != none {
				return seen, nil
			}
			m.founder = true
			return newCluster(), nil
		}
		if err := waitFor(ctx, changed, lookEvery); err != nil {
			return none, fmt.Errorf("%w to join: %w", ErrNoPrimary, err)
		}
	}
}

// look finds the journal that the others have a part of, if any, and the nodes alive that have none, sorted.
func (m *mesh) look() (seen transport.Cluster, fresh []string, err error) {
	var of string
	for _, o := range m.peers.Members() {
		meta, merr := wire.ParseMeta(o.Meta)
		switch {
		case !o.Alive || o.ID == m.j.node || merr != nil && len(o.Meta) > 0:
		case meta.State == wire.Fresh:
			fresh = append(fresh, o.ID)
		case seen == none:
			seen, of = meta.Cluster, o.ID
		case seen != transport.Cluster(meta.Cluster):
			return none, nil, fmt.Errorf("joining through node %s: %w", of, &ClusterError{Node: o.ID, Ours: seen, Theirs: meta.Cluster})
		}
	}
	fresh = append(fresh, m.j.node)
	slices.Sort(fresh)
	return seen, fresh, nil
}

// mayFound says whether this node is the one to begin a journal, of the new ones that are known.
func (m *mesh) mayFound(fresh []string, waited bool) bool {
	enough := !m.j.cfg.JoinSource || m.j.cfg.Expect > 0 && len(fresh) >= m.j.cfg.Expect
	return (enough || waited) && fresh[0] == m.j.node
}

// askFresh asks the other new nodes themselves, all at once, since what they announce takes its time: one may have begun a
// journal by now.
func (m *mesh) askFresh(ctx context.Context, fresh []string) transport.Cluster {
	ctx, cancel := context.WithTimeout(ctx, statusTime)
	defer cancel()
	found := make([]transport.Cluster, len(fresh))
	var all sync.WaitGroup
	for i, id := range fresh {
		if id == m.j.node {
			continue
		}
		all.Go(func() {
			if r, err := m.status(ctx, id); err == nil && r.State == wire.Member { // whoever does not answer joins later
				found[i] = r.Cluster
			}
		})
	}
	all.Wait()
	if i := slices.IndexFunc(found, func(c transport.Cluster) bool { return c != none }); i >= 0 {
		return found[i]
	}
	return none
}

// waitFor waits for a change, for so long at most.
func waitFor(ctx context.Context, changed <-chan struct{}, most time.Duration) error {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-changed:
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}
