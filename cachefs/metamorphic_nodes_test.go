package cachefs_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/bubbletest"
)

// metaNodes is what a metamorphic run over several nodes has besides. No more of them are out of reach at a time than leave a
// majority of voters.
type metaNodes struct {
	*cachefstest.Cluster
	cfg    metaConfig
	fresh  []bool          // by node: it has heard of the last change
	down   []bool          // by node
	frozen []*model        // by node: what one that is cut off knew when it was; nil: it is not
	pair   []int           // two nodes between which the network is broken, one way or both; nil: none
	client *cachefs.Client // that is asked instead of a node; nil: none
	asked  []string        // directories that nodes which were cut off were asked to make
	ill    bool            // the second store answers nothing
	moved  time.Time       // when a node went or came last
	faults map[string]int  // how often each was injected
}

// out is how many nodes others cannot reach; of a pair, one.
func (c *metaNodes) out() int {
	return len(c.all(func(i int) bool { return c.down[i] || c.frozen[i] != nil })) + len(c.pair)/2
}

// all are the nodes that are so.
func (c *metaNodes) all(so func(int) bool) (list []int) {
	for i := range c.Nodes {
		if so(i) {
			list = append(list, i)
		}
	}
	return list
}

// spare is how many nodes may be out of reach.
func (c *metaNodes) spare() int {
	n := (len(c.Nodes) - 1) / 2
	if !c.cfg.durable { // the memory of a node that dies is gone
		n = min(n, c.cfg.copies-1)
	}
	return n
}

// serves reports whether a node is up and reaches the primary.
func (c *metaNodes) serves(i int) bool {
	if c.down[i] || c.frozen[i] != nil {
		return false
	}
	if !slices.Contains(c.pair, i) {
		return true
	}
	leads := c.leader()
	return !slices.ContainsFunc(c.pair, func(k int) bool { return k != i && c.Nodes[k].ID() == leads })
}

// leader is the primary in the eyes of a node that all reach: one of a pair may not hear of it.
func (c *metaNodes) leader() string {
	asked := c.all(func(i int) bool { return !c.down[i] && c.frozen[i] == nil && !slices.Contains(c.pair, i) })[0]
	for began := time.Now(); time.Since(began) < patience; time.Sleep(100 * time.Millisecond) {
		if id := c.Nodes[asked].Metrics().Journal.PrimaryID; id != "" {
			return id
		}
	}
	return ""
}

// thin reports whether all nodes that have a file which is in no store may be out of reach.
func (m *machine) thin() bool { return m.over != nil && m.over.out() >= m.cfg.copies }

// nodeWeights are of operations over several nodes.
var nodeWeights = append(slices.Clone(weights),
	weight{"kill", 9}, weight{"start", 6}, weight{"cut", 9}, weight{"heal", 6}, weight{"part", 6}, weight{"link", 6}, weight{"skew", 2}, weight{"stumble", 4}, weight{"side", 3})

// generateOver makes operations on n nodes.
func generateOver(nodes int, seed uint64, n, block int) []op {
	ops, rng := generate(seed, n, block, nodeWeights), rand.New(rand.NewPCG(seed, 2))
	for i := range ops {
		ops[i].node = rng.IntN(nodes)
	}
	return ops
}

// patience is how long an operation may take: longer than any fault that it waits for.
const patience = 3 * time.Minute

// within bounds what follows, until the function that it returns is called.
func (m *machine) within(limit time.Duration) (end func()) {
	whole := m.ctx
	ctx, cancel := context.WithTimeout(whole, limit)
	m.ctx = ctx
	return func() { cancel(); m.ctx = whole }
}

// stepOver runs an operation on the node that it names, or on the next one that is up and reaches the primary.
func (m *machine) stepOver(o op) error {
	if o.kind != "open" { // what is open is read later
		defer m.within(patience)()
	}
	c := m.over
	switch o.kind {
	case "kill", "start", "cut", "heal", "part", "link", "skew", "stumble", "side", "restart", "crash":
		return m.fault(o)
	case "hread", "hclose":
		return m.do(o)
	}
	if c.client != nil {
		return m.stepByClient(o)
	}
	i := o.node % len(c.Nodes)
	if c.frozen[i] != nil {
		return m.alone(i, o)
	}
	for !c.serves(i) {
		i = (i + 1) % len(c.Nodes)
	}
	if m.undecided(o) {
		return nil
	}
	m.node, m.behind, m.done = c.Nodes[i], !c.fresh[i], false
	switch o.kind {
	case "stat", "list": // ask consistently by themselves
		err := m.do(o)
		c.fresh[i] = c.fresh[i] || err == nil && o.kind == "stat" && m.model.nodes[o.path] != nil
		return err
	case "read", "view", "open", "locate", "free", "persist", "load", "outside", "unlink", "unseen", "forget":
		if err := m.catchUp(i); err != nil {
			return err
		}
	}
	err := m.do(o)
	if slices.Contains([]string{"read", "view", "open", "locate"}, o.kind) {
		return err
	}
	knew := c.fresh[i]
	clear(c.fresh)
	c.fresh[i] = knew || m.done
	return err
}

// stepByClient runs an operation by way of a Client, which sees what it has done itself whichever node it asks, and whatever
// has become of the last one.
func (m *machine) stepByClient(o op) error {
	if m.over.out() > 0 && slices.Contains([]string{"outside", "unlink", "unseen", "forget", "mount", "unmount"}, o.kind) {
		return nil // what one node sees in a store the others do not hear of now
	}
	if m.undecided(o) {
		return nil
	}
	m.node, m.behind = m.over.client, false
	return m.do(o)
}

// undecided reports whether what a call answers depends on which nodes are out of reach.
func (m *machine) undecided(o op) bool {
	c := m.over
	switch o.kind {
	case "mount", "unmount":
		return c.ill
	case "persist", "load": // waits for the nodes that have the bytes
		return m.thin()
	case "free": // waits for all that live, and one of a pair cannot ask the other
		return c.pair != nil
	case "create": // with the old bytes before the new ones
		return m.thin() && o.has("a")
	}
	return false
}

// catchUp lets a node hear of all that was done.
func (m *machine) catchUp(i int) error {
	_, err := m.over.Nodes[i].Stat(m.ctx, "/", &cachefs.StatOptions{Consistent: true})
	if err != nil {
		return fmt.Errorf("node %d, consistently: %w", i, err)
	}
	m.over.fresh[i] = true
	return nil
}

// clone is a copy that keeps what m says now.
func (m *model) clone() *model {
	c := &model{nodes: map[string]*entry{}}
	for p, e := range m.nodes {
		kept := *e
		c.nodes[p] = &kept
	}
	return c
}

// finishOver mends all, and checks all on each node.
func (m *machine) finishOver() error {
	m.closeHandles()
	if err := m.mend(); err != nil {
		return err
	}
	defer m.within(time.Duration(len(m.over.Nodes)) * patience)()
	for i, n := range m.over.Nodes {
		m.node, m.behind = n, true
		if err := errors.Join(m.everything(), sound(n.Metrics())); err != nil {
			return fmt.Errorf("node %d: %w", i, err)
		}
	}
	return errors.Join(m.atRest(), m.kept())
}

// atRest returns when no node holds what nobody counts on, and each has what others count on.
func (m *machine) atRest() (err error) {
	for began := time.Now(); time.Since(began) < 2*patrol; time.Sleep(time.Second) {
		err = nil
		for i, n := range m.over.Nodes {
			for _, what := range cachefs.Astray(n) {
				err = errors.Join(err, fmt.Errorf("at rest, node %d: %s", i, what))
			}
		}
		if err == nil {
			break
		}
	}
	return err
}

// failing is the testing.TB of a run that may fail without its test: it is shrunk then.
type failing struct {
	testing.TB
	cleanups []func()
	err      error
}

func (f *failing) Helper()           {}
func (f *failing) Cleanup(do func()) { f.cleanups = append(f.cleanups, do) }

// end does what the run asked for, the last first.
func (f *failing) end() {
	for _, do := range slices.Backward(f.cleanups) {
		do()
	}
}

func (f *failing) Errorf(s string, args ...any) { f.err = errors.Join(f.err, fmt.Errorf(s, args...)) }
func (f *failing) Fatalf(s string, args ...any) { panic(fmt.Errorf(s, args...)) }

// nodeConfigs are the meshes that take turns. Their blocks are one size: lists are made for it.
func nodeConfigs() []metaConfig {
	const kb, mb = 1 << 10, 1 << 20
	return []metaConfig{
		{name: "a node alone", share: 35, nodes: 1, copies: 1, memory: 4 * mb, ssd: 64 * mb, dirs: 1, durable: true},
		{name: "three nodes", share: 15, nodes: 3, copies: 2, memory: 4 * mb, ssd: 64 * mb, dirs: 1, durable: true},
		{name: "three, memory alone", share: 5, nodes: 3, copies: 2, memory: 16 * mb, sync: cachefs.SyncAlways},
		{name: "three, disk alone, one copy", share: 10, nodes: 3, copies: 1, block: 2 * metaBlock, ssd: 64 * mb, dirs: 2, durable: true, sync: time.Minute},
		{name: "three, by way of a client", share: 10, nodes: 3, copies: 2, memory: 4 * mb, ssd: 64 * mb, dirs: 1, durable: true, client: true},
		{name: "three, tiny tiers", share: 12, nodes: 3, copies: 2, memory: 512 * kb, ssd: 2 * mb, dirs: 1, tiny: true, durable: true},
		{name: "five nodes", share: 7, nodes: 5, copies: 3, memory: 4 * mb, ssd: 64 * mb, dirs: 1, durable: true},
		{name: "five, two copies, a disk below no memory", share: 6, nodes: 5, copies: 2, block: 4 * metaBlock, ssd: 64 * mb, dirs: 1, durable: true},
	}
}

// runOver does all operations over several nodes, in a bubble.
func runOver(t *testing.T, cfg metaConfig, faults map[string]int) runs {
	return func(seed uint64, ops []op, trace func(string)) (err error) {
		bubbletest.Test(t, func(t *testing.T) {
			f := &failing{TB: t}
			err = errors.Join(cfg.over(f, faults, seed, ops, trace), f.err)
		})
		return err
	}
}

func (c metaConfig) over(f *failing, faults map[string]int, seed uint64, ops []op, trace func(string)) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Hour)
	defer cancel()
	defer func() {
		if r := recover(); r != nil {
			err = errors.Join(err, fmt.Errorf("%v", r))
		}
		if f.cleanups != nil {
			f.end()
		}
	}()
	cluster := cachefstest.New(f, c.nodes, func(cfg *cachefs.Config) {
		like := c.config(nil, nil)
		cfg.BlockSize, cfg.Tiers, cfg.Mounts[0].Path, cfg.Mounts[0].Sync = like.BlockSize, like.Tiers, "/m", c.sync
	})
	m := &machine{ctx: ctx, cfg: c, rng: rand.New(rand.NewPCG(seed, 1)), store: cluster.Store, other: newSideStore(), model: newModel()}
	m.over = &metaNodes{Cluster: cluster, cfg: c, fresh: make([]bool, c.nodes), down: make([]bool, c.nodes), frozen: make([]*model, c.nodes), moved: time.Now(), faults: faults}
	if c.client {
		m.over.client = cluster.Client()
	}
	defer m.other.forget()
	defer m.closeHandles()
	if err := m.steps(ops, trace); err != nil {
		return err
	}
	return m.finishOver()
}

// TestMetamorphicNodes runs random operations, each on any of several nodes, and breaks nodes, links and stores meanwhile: what
// the model says holds whichever node is asked, under every Config.
func TestMetamorphicNodes(t *testing.T) {
	const ops = 16 // what goes on between nodes costs more than the operations do
	threads := runtime.GOMAXPROCS(0)
	defer func() { require.Equal(t, threads, runtime.GOMAXPROCS(0), "what the runs changed is as it was") }()
	for round, began := uint64(0), time.Now(); round == 0 || time.Since(began) < *metaFor; round++ {
		configs := nodeConfigs()
		for k, c := range configs {
			c.block = orBlock(c.block)
			t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
				faults := map[string]int{}
				run := runOver(t, c, faults)
				if *metaFile != "" {
					replay(t, run)
					return
				}
				first, seeds := *metaFirst+1000*round, (c.share**metaNodeSeeds+99)/100
				for i := range seeds {
					seed := first + uint64(i*len(configs)+k)
					list := generateOver(c.nodes, seed, ops, int(c.block))
					if err := run(seed, list, func(string) {}); err != nil {
						short, err := shrink(run, seed, list, err)
						t.Fatalf("%s, seed %d: %v\nthe shortest list that fails (save it, then -metamorphic.replay FILE):\n%s", c.name, seed, err, lines(short))
					}
				}
				require.NotEmpty(t, faults, "nothing was broken")
				t.Logf("%s: %d seeds from %d, %d operations each, faults %v", c.name, seeds, first, ops, faults)
			})
		}
	}
}

func orBlock(n int64) int64 {
	if n == 0 {
		return metaBlock
	}
	return n
}
