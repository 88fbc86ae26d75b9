package cachefs_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/bubbletest"
)

// metaNodes is what a metamorphic run over several nodes has besides: at most one of them is down or cut off, so that two
// copies lose nothing.
type metaNodes struct {
	*cachefstest.Cluster
	fresh  []bool          // by node: it has heard of the last change
	down   int             // the node that is down; -1: none
	cut    int             // the node that is cut off; -1: none
	frozen *model          // what that one knew when it was
	client *cachefs.Client // that is asked instead of a node; nil: none
	asked  []string        // directories that it was asked to make meanwhile
	faults map[string]int  // how often each was injected
}

// nodeWeights are of operations over several nodes.
var nodeWeights = append(slices.Clone(weights), weight{"kill", 2}, weight{"start", 5}, weight{"cut", 2}, weight{"heal", 5}, weight{"link", 2})

// generateOver makes operations on n nodes.
func generateOver(nodes int, seed uint64, n int) []op {
	ops, rng := generate(seed, n, metaBlock, nodeWeights), rand.New(rand.NewPCG(seed, 2))
	for i := range ops {
		ops[i].node = rng.IntN(nodes)
	}
	return ops
}

// stepOver runs an operation on the node that it names.
func (m *machine) stepOver(o op) error {
	c := m.over
	switch o.kind {
	case "kill", "start", "cut", "heal", "link", "restart", "crash":
		return m.fault(o)
	case "hread", "hclose":
		return m.do(o)
	}
	if c.client != nil {
		return m.stepByClient(o)
	}
	i := o.node % len(c.Nodes)
	if i == c.cut {
		return m.alone(o)
	}
	if i == c.down {
		i = (i + 1) % len(c.Nodes)
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
	if m.over.cut >= 0 && slices.Contains([]string{"outside", "unlink", "unseen", "forget", "mount", "unmount"}, o.kind) {
		return nil // what one node sees in a store the others do not hear of now
	}
	m.node, m.behind = m.over.client, false
	return m.do(o)
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

// alone asks a node that is cut off: it shows what it knew, and changes nothing.
func (m *machine) alone(o op) error {
	if mounted(o.path) {
		return nil // it may ask the store, which all reach
	}
	now := m.model
	defer func() { m.model = now }()
	m.model, m.node, m.behind = m.over.frozen, m.over.Nodes[m.over.cut], false
	o.flags = ""
	switch o.kind {
	case "stat", "list":
		return m.do(o)
	case "mkdir":
		ctx, cancel := context.WithTimeout(m.ctx, 20*time.Second)
		defer cancel()
		err := m.node.Mkdir(ctx, o.path, nil)
		if err == nil {
			return errors.New("a node that is cut off changed something")
		}
		if !errors.Is(err, cachefs.ErrNoPrimary) { // that says that nobody has it
			m.over.asked = append(m.over.asked, o.path)
		}
	}
	return nil
}

// settled is how long nodes take to give a vote to one that has come (back): without it, losing another one may lose the majority.
const settled = 10 * time.Second

// fault breaks something, or mends it. What does not apply does nothing.
func (m *machine) fault(o op) error {
	time.Sleep(settled)
	c, i := m.over, o.node%len(m.over.Nodes)
	whole := c.down < 0 && c.cut < 0
	switch {
	case o.kind == "kill" && whole:
		m.leave(i)
		c.Kill(i)
		c.down = i
	case o.kind == "start" && c.down >= 0:
		c.Start(c.down)
		c.fresh[c.down], c.down = false, -1
	case o.kind == "cut" && whole:
		if err := m.catchUp(i); err != nil {
			return err
		}
		c.Partition([]int{i}, slices.DeleteFunc(numbers(len(c.Nodes)), func(k int) bool { return k == i }))
		c.cut, c.frozen = i, m.model.clone()
	case o.kind == "heal" && c.cut >= 0:
		c.Heal()
		c.fresh[c.cut], c.cut = false, -1
		c.faults[o.kind]++
		return m.late()
	case o.kind == "link" && whole:
		links := []cachefstest.Link{{}, {Latency: 20 * time.Millisecond, Jitter: 20 * time.Millisecond}, {Latency: time.Millisecond, Loss: 0.1}}
		c.SetLink(i, (i+1)%len(c.Nodes), links[o.seed%3])
	case o.kind == "restart" && whole:
		m.leave(i)
		c.Stop(i)
		c.Start(i)
		c.fresh[i] = false
	case o.kind == "crash" && whole:
		m.leave(i)
		c.Crash(i)
		c.Start(i)
		c.fresh[i] = false
	default:
		return nil
	}
	c.faults[o.kind]++
	return nil
}

// late looks what became of the changes that got no answer: what was under way to the primary may reach it when the network
// heals, once, or never.
func (m *machine) late() error {
	time.Sleep(settled)
	for _, p := range m.over.asked {
		if m.model.nodes[p] != nil {
			continue
		}
		info, err := m.over.Nodes[0].Stat(m.ctx, p, &cachefs.StatOptions{Consistent: true})
		if err == nil && info.IsDir() && m.model.reach(p) == nil {
			m.model.nodes[p] = &entry{dir: true}
		}
	}
	m.over.asked = nil
	return nil
}

func numbers(n int) (list []int) {
	for i := range n {
		list = append(list, i)
	}
	return list
}

// leave closes the files that are open on a node.
func (m *machine) leave(i int) {
	for k, h := range m.open {
		if h != nil && h.node == m.over.Nodes[i] {
			h.f.Close()
			m.open[k] = nil
		}
	}
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
	for _, kind := range []string{"heal", "start"} {
		if err := m.fault(op{kind: kind}); err != nil {
			return err
		}
	}
	m.closeHandles()
	for i, n := range m.over.Nodes {
		m.node, m.behind = n, true
		if err := m.everything(); err != nil {
			return fmt.Errorf("node %d: %w", i, err)
		}
	}
	return m.kept()
}

// failing is the testing.TB of a run that may fail without its test: it is shrunk then.
type failing struct {
	testing.TB
	cleanup func()
	err     error
}

func (f *failing) Helper()                      {}
func (f *failing) Cleanup(do func())            { f.cleanup = do }
func (f *failing) Errorf(s string, args ...any) { f.err = errors.Join(f.err, fmt.Errorf(s, args...)) }
func (f *failing) Fatalf(s string, args ...any) { panic(fmt.Errorf(s, args...)) }

// runOver does all operations over several nodes, in a bubble.
func runOver(t *testing.T, nodes int, client bool, faults map[string]int) runs {
	cfg := metaConfig{name: "several nodes", block: metaBlock, memory: 4 << 20, ssd: 64 << 20, dirs: 1, durable: true, client: client}
	return func(seed uint64, ops []op, trace func(string)) (err error) {
		bubbletest.Test(t, func(t *testing.T) {
			f := &failing{TB: t}
			err = errors.Join(cfg.over(f, nodes, faults, seed, ops, trace), f.err)
		})
		return err
	}
}

func (c metaConfig) over(f *failing, nodes int, faults map[string]int, seed uint64, ops []op, trace func(string)) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Hour)
	defer cancel()
	defer func() {
		if r := recover(); r != nil {
			err = errors.Join(err, fmt.Errorf("%v", r))
		}
		if f.cleanup != nil {
			f.cleanup()
		}
	}()
	cluster := cachefstest.New(f, nodes, func(cfg *cachefs.Config) {
		like := c.config(nil, nil)
		cfg.BlockSize, cfg.Tiers, cfg.Mounts[0].Path = like.BlockSize, like.Tiers, "/m"
	})
	m := &machine{ctx: ctx, cfg: c, rng: rand.New(rand.NewPCG(seed, 1)), store: cluster.Store, other: newSideStore(), model: newModel()}
	m.over = &metaNodes{Cluster: cluster, fresh: make([]bool, nodes), down: -1, cut: -1, faults: faults}
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

// TestMetamorphicNodes runs random operations, each on any of several nodes, and breaks nodes and links between them: what
// the model says holds whichever node is asked.
func TestMetamorphicNodes(t *testing.T) {
	const ops = 20 // what goes on between nodes costs more than the operations do: under the race detector a list of 60 takes 4 s
	for _, c := range []struct {
		nodes, share int
		client       bool
	}{{3, 3, false}, {5, 1, false}, {3, 1, true}} {
		name := fmt.Sprint(c.nodes, "_nodes")
		if c.client {
			name += "_by_a_client"
		}
		t.Run(name, func(t *testing.T) {
			faults := map[string]int{}
			run := runOver(t, c.nodes, c.client, faults)
			if *metaFile != "" {
				replay(t, run)
				return
			}
			seeds := c.share * *metaSeeds
			for i := range seeds {
				seed := *metaFirst + uint64(i)
				list := generateOver(c.nodes, seed, ops)
				if err := run(seed, list, func(string) {}); err != nil {
					short, err := shrink(run, seed, list, err)
					t.Fatalf("%d nodes, seed %d: %v\nthe shortest list that fails (save it, then -metamorphic.replay FILE):\n%s", c.nodes, seed, err, lines(short))
				}
			}
			t.Logf("%d nodes: %d seeds from %d, %d operations each, faults %v", c.nodes, seeds, *metaFirst, ops, faults)
		})
	}
}
