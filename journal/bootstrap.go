package journal

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
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
	// keyTold is the node that a new one has heard of its history from.
	keyTold = "mesh/told"
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
		if member, err = m.dropUnheard(); err != nil {
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

// remember keeps the history that this node has a part of from now on.
func (m *mesh) remember(c transport.Cluster) error {
	key, value := keyTold, []byte(m.told)
	if m.founder {
		key, value = keyFounder, c[:]
	}
	if err := m.j.state.Put(key, value); err != nil {
		return err
	}
	return m.j.state.Put(keyCluster, c[:])
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
		told, _, terr := m.j.state.Get(keyTold)
		c, m.told = transport.Cluster(b), string(told)
		m.founder, err = m.founds(c)
		return c, true, errors.Join(err, terr)
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
		may := seen.founder == "" && seen.last == "" && m.mayFound(seen.fresh, !time.Now().Before(until))
		if seen.history == none && may {
			seen = m.askFresh(ctx, seen)
		}
		switch {
		case seen.history != none:
			m.founder = seen.history == mine // others have heard of it, and wait
			m.told = seen.member
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
	last    string            // one that leaves, and takes its history along, "" for nobody
	fresh   []string          // those alive that have none, this node too, sorted
}

// nothing says that there was no journal to join until err.
func (s *sight) nothing(err error) error {
	switch {
	case s.founder != "":
		return fmt.Errorf("%w to join: node %s has not begun the journal yet: %w", ErrNoPrimary, s.founder, err)
	case s.last != "":
		return fmt.Errorf("%w to join: node %s, which had it in memory, has not ended yet: %w", ErrNoPrimary, s.last, err)
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
		case meta.State == wire.Leaving && meta.Cluster == none:
			s.last = o.ID
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
	others := slices.DeleteFunc(slices.Clone(seen.fresh), func(id string) bool { return id == m.j.node })
	for i, o := range m.askStates(ctx, others) {
		switch {
		case o == nil: // whoever does not answer joins later
		case o.State == wire.Member:
			seen.history, seen.member = o.Cluster, others[i]
		case o.State == wire.Founding:
			seen.founder = others[i]
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
