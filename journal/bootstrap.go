package journal

import (
	"bytes"
	"cmp"
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
	// keyFounder names the history that this node begins: one that ends before that has begun takes the name again, should it begin one.
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
	var err error
	if s, _ := j.mesh.is(); s == wire.Founding { // others wait for the outcome
		err = j.mesh.say(wire.Fresh, none)
	}
	j.mesh.stop()
	return errors.Join(err, j.mesh.trans.Close())
}

func (m *mesh) enter(ctx context.Context) error {
	mine, member, err := m.remembered()
	if err != nil {
		return err
	}
	if member && m.founder {
		if member, err = m.hasBegun(); err != nil {
			return err
		}
	}
	if !member {
		if mine, err = m.find(ctx, mine); err != nil {
			return err
		}
		if err := m.remember(mine); err != nil {
			return err
		}
	}
	if m.fresh, err = m.isFresh(); err != nil {
		return err
	}
	if m.founder && !member {
		return m.say(wire.Founding, mine)
	}
	if err := m.belong(mine); err != nil {
		return err
	}
	return m.catchUp(ctx)
}

// hasBegun says whether a history that this node was to begin has more than what came first, all that there can be before others hear of
// it. If not, that is deleted: others may have begun another one meanwhile.
func (m *mesh) hasBegun() (bool, error) {
	last, err := m.j.store.LastIndex()
	if err != nil {
		return false, err
	}
	if newest, _ := m.j.snaps.Last(); max(last, newest) > restoredAt {
		return true, nil
	}
	return false, errors.Join(m.j.snaps.Clear(), m.j.store.clear())
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
	if err := m.j.state.Put(keyBegun, []byte{1}); err != nil {
		return err
	}
	return m.belong(mine)
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
	if err != nil || !joined {
		return true, err
	}
	_, begun, err := m.j.state.Get(keyBegun) // not, where it was to begin a history, and others were first
	return !begun, err
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

// find waits for a journal to show up, or for the time to begin one: that of the name mine, if an earlier run of this node was to.
func (m *mesh) find(ctx context.Context, mine transport.Cluster) (transport.Cluster, error) {
	if err := m.announce(); err != nil {
		return none, err
	}
	until := time.Now().Add(m.j.cfg.BootstrapWait)
	for {
		changed := m.peers.Changed()
		seen, err := m.look()
		if err != nil {
			return none, err
		}
		may := seen.founder == "" && m.mayFound(seen.fresh, !time.Now().Before(until))
		if seen.history == none && may {
			seen = m.askFresh(ctx, seen)
		}
		switch {
		case seen.history != none:
			m.founder = seen.history == mine // a node of the version before has taken the name, and waits
			return seen.history, nil
		case may && seen.founder == "":
			m.founder = true
			return cmp.Or(mine, newCluster()), nil
		}
		if err := waitFor(ctx, changed, lookEvery); err != nil {
			return none, seen.nothing(err)
		}
	}
}

// sight is what a new node sees of the others.
type sight struct {
	history transport.Cluster // that they have a part of; none: there is none
	member  string            // one that has
	founder string            // one that begins a history now, "" for nobody
	fresh   []string          // those alive that have none, this node too, sorted
}

// nothing says that there was no journal to join until err.
func (s *sight) nothing(err error) error {
	if s.founder != "" {
		return fmt.Errorf("%w to join: node %s has not begun the journal yet: %w", ErrNoPrimary, s.founder, err)
	}
	return fmt.Errorf("%w to join: %w", ErrNoPrimary, err)
}

// look finds what the others have announced.
func (m *mesh) look() (s sight, err error) {
	for _, o := range m.peers.Members() {
		meta, merr := wire.ParseMeta(o.Meta)
		switch {
		case !o.Alive || o.ID == m.j.node || merr != nil && len(o.Meta) > 0:
		case meta.State == wire.Fresh:
			s.fresh = append(s.fresh, o.ID)
		case meta.State == wire.Founding:
			s.founder = o.ID
		case s.history == none:
			s.history, s.member = meta.Cluster, o.ID
		case s.history != transport.Cluster(meta.Cluster):
			return s, fmt.Errorf("joining through node %s: %w", s.member, &ClusterError{Node: o.ID, Ours: s.history, Theirs: meta.Cluster})
		}
	}
	s.fresh = append(s.fresh, m.j.node)
	slices.Sort(s.fresh)
	return s, nil
}

// mayFound says whether this node is the one to begin a journal, of the new ones that are known.
func (m *mesh) mayFound(fresh []string, waited bool) bool {
	enough := !m.j.cfg.JoinSource || m.j.cfg.Expect > 0 && len(fresh) >= m.j.cfg.Expect
	return (enough || waited) && fresh[0] == m.j.node
}

// askFresh asks the other new nodes themselves, all at once, since what they announce takes its time: one may have begun a
// journal by now, or be about to.
func (m *mesh) askFresh(ctx context.Context, seen sight) sight {
	ctx, cancel := context.WithTimeout(ctx, statusTime)
	defer cancel()
	is := make([]wire.Meta, len(seen.fresh))
	var all sync.WaitGroup
	for i, id := range seen.fresh {
		if id == m.j.node {
			continue
		}
		all.Go(func() {
			if r, err := m.status(ctx, id); err == nil { // whoever does not answer joins later
				is[i] = r.Meta
			}
		})
	}
	all.Wait()
	for i, o := range is {
		switch o.State {
		case wire.Member:
			seen.history, seen.member = o.Cluster, seen.fresh[i]
		case wire.Founding:
			seen.founder = seen.fresh[i]
		}
	}
	return seen
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
