package cachefs_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/racetest"
)

var (
	linSeeds = flag.Int("linear.seeds", racetest.Fewer(12), "histories over several nodes")
	linFirst = flag.Uint64("linear.first", 1, "first seed of the histories over several nodes")
)

// linWords are the answers that say what the namespace was.
var linWords = []string{"ok", "exist", "notdir", "notexist", "notempty", "invalid"}

// unknown is the answer of a change of which nobody knows whether it was made, or will be.
const unknown = "unknown"

// linRun is several nodes, what breaks them, and what their clients were answered.
type linRun struct {
	*testing.T
	cluster *cachefstest.Cluster
	seed    uint64
	clock   atomic.Int64 // numbers the beginnings and ends of calls: a bubble's time stands still in between
	mu      struct {
		sync.Mutex
		nodes   []*cachefs.Node // nil: down
		history []porcupine.Operation
		faults  map[string]int
	}
}

// TestLinearizableNodes has clients of several nodes change and look at the same paths while nodes die and the network breaks,
// and asks porcupine for an order that explains all answers: none of them is of an old state, and no change happened twice, or
// after it was said not to have. What each node shows without being asked for the latest only grows, and has its own changes.
func TestLinearizableNodes(t *testing.T) {
	for _, nodes := range []int{3, 5} {
		t.Run(fmt.Sprint(nodes), func(t *testing.T) {
			faults, open, calls := map[string]int{}, 0, map[string]int{}
			for i := range *linSeeds {
				seed := *linFirst + uint64(i)
				r := &linRun{seed: seed}
				r.mu.faults = faults
				bubbletest.Test(t, func(t *testing.T) { r.T = t; r.run(nodes) })
				res, info := porcupine.CheckOperationsVerbose(linModel("/r"), r.mu.history, 20*time.Second)
				switch res {
				case porcupine.Illegal:
					t.Fatalf("%d nodes, seed %d: %s", nodes, seed, misfit(r.mu.history, info))
				case porcupine.Unknown:
					open++
				}
				for _, o := range r.mu.history {
					calls["all"]++
					if o.Output == unknown {
						calls[unknown]++
					}
				}
			}
			require.Greater(t, calls["all"]-calls[unknown], 20**linSeeds, "calls that were answered")
			require.NotEmpty(t, faults)
			require.Less(t, open, max(2, *linSeeds/4), "histories that porcupine did not decide on")
			t.Logf("%d nodes: %d histories from seed %d, %d undecided, calls %v, faults %v", nodes, *linSeeds, *linFirst, open, calls, faults)
		})
	}
}

func (r *linRun) run(nodes int) {
	r.cluster = cachefstest.New(r.T, nodes)
	r.mu.nodes = slices.Clone(r.cluster.Nodes)
	require.NoError(r, r.mu.nodes[0].Mkdir(r.Context(), "/r", nil))
	require.NoError(r, r.mu.nodes[0].Mkdir(r.Context(), "/own", nil))
	time.Sleep(settled)
	var clients, watchers sync.WaitGroup
	done := make(chan struct{})
	for i := range nodes {
		clients.Go(func() { r.client(i) })
		watchers.Go(func() { r.watch(i, done) })
	}
	watchers.Go(func() { r.trouble(done) })
	clients.Wait()
	close(done)
	watchers.Wait()
	slices.SortFunc(r.mu.history, func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
}

// node is node i, nil while it is down.
func (r *linRun) node(i int) *cachefs.Node {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mu.nodes[i]
}

func (r *linRun) set(i int, n *cachefs.Node) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.nodes[i] = n
}

// client makes random calls on one node.
func (r *linRun) client(i int) {
	rng := rand.New(rand.NewPCG(r.seed, uint64(i)))
	for range 30 {
		time.Sleep(time.Duration(rng.IntN(300)) * time.Millisecond)
		o := randomLinOp(rng, "/r")
		n := r.node(i)
		if n == nil {
			continue
		}
		ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
		call := r.clock.Add(1)
		word, err := linCall(ctx, n, o, true)
		r.record(i, o, call, word, err)
		cancel()
	}
}

// record notes what a call was answered. What says nothing of the namespace is left out if it cannot have changed it; else it
// has, or will have, or it has not.
func (r *linRun) record(client int, o linOp, call int64, word string, err error) {
	end := r.clock.Add(1)
	r.mu.Lock()
	defer r.mu.Unlock()
	add := func(o linOp, word string, end int64) {
		r.mu.history = append(r.mu.history, porcupine.Operation{ClientId: client, Input: o, Call: call, Output: word, Return: end})
	}
	const never = 1 << 60
	switch looks := o.kind == "stat" || o.kind == "list"; {
	case o.kind == "create" && errors.Is(err, cachefs.ErrLeaseLost): // it was removed, or its node was taken for dead
		add(o, "ok", end)
		add(linOp{kind: "remove", path: o.path}, unknown, never)
	case err == nil || slices.Contains(linWords, word):
		add(o, word, end)
	case looks, errors.Is(err, cachefs.ErrNoPrimary) && o.kind != "create": // a file may be made, and not be completed
	default:
		add(o, unknown, never)
		if o.kind == "create" { // what is not completed goes again
			add(linOp{kind: "remove", path: o.path}, unknown, never)
		}
	}
}

// watch makes directories on one node and looks, without asking for the latest: its own are there at once, and what was there
// stays.
func (r *linRun) watch(i int, done <-chan struct{}) {
	var seen []string
	var life *cachefs.Node
	for k := 0; ; k++ {
		select {
		case <-done:
			return
		case <-time.After(200 * time.Millisecond):
		}
		n := r.node(i)
		if n != life {
			seen, life = nil, n
		}
		if n == nil {
			continue
		}
		ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
		own := fmt.Sprintf("%d-%d", i, k)
		err := n.Mkdir(ctx, "/own/"+own, nil)
		cancel()
		list, failed := names(n.List(r.Context(), "/own", nil), "/own")
		if failed != nil || r.node(i) != n { // it is going down
			continue
		}
		if err == nil {
			seen = append(seen, own+" -1")
		}
		for _, name := range seen {
			if !slices.Contains(list, name) {
				r.Errorf("seed %d: node %d does not show %q, which it has made or shown", r.seed, i, name)
			}
		}
		seen = list
	}
}
