package journal_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/racetest"
	"github.com/millpond/millpond/journal"
)

// Operations of the history: an add answers with the new count, a read with the count.
type linearInput struct {
	key  string
	read bool
}

type linearOutput struct {
	count   int
	unknown bool
}

var counters = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		by := map[string][]porcupine.Operation{}
		for _, op := range history {
			key := op.Input.(linearInput).key
			by[key] = append(by[key], op)
		}
		var out [][]porcupine.Operation
		for _, ops := range by {
			out = append(out, ops)
		}
		return out
	},
	Init: func() any { return 0 },
	Step: func(state, input, output any) (bool, any) {
		n, in, out := state.(int), input.(linearInput), output.(linearOutput)
		if in.read {
			return out.unknown || out.count == n, n
		}
		return out.unknown || out.count == n+1, n + 1
	},
}

// history is what the clients saw, in the order of a counter: in a bubble many things happen at one instant.
type history struct {
	clock atomic.Int64
	mu    sync.Mutex
	ops   []porcupine.Operation
	adds  int // acknowledged
	lost  int // outcome unknown
}

func (h *history) do(client int, in linearInput, f func() (int, error)) {
	call := h.clock.Add(1)
	n, err := f()
	h.mu.Lock()
	defer h.mu.Unlock()
	op := porcupine.Operation{ClientId: client, Input: in, Call: call, Output: linearOutput{n, err != nil}, Return: h.clock.Add(1)}
	switch {
	case err != nil && in.read:
		return
	case err != nil: // it may happen at any time from now on, or never
		op.Return = 1 << 60
		h.lost++
	case !in.read:
		h.adds++
	}
	h.ops = append(h.ops, op)
}

// storm is clients, and somebody who breaks things, over a group.
type storm struct {
	*group
	mu     sync.Mutex // of nodes
	h      history
	faults map[string]int
}

func (s *storm) some(rng *rand.Rand) *node {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := s.ids()
	return s.nodes[ids[rng.IntN(len(ids))]]
}

// client makes and reads changes through random nodes until ctx ends. What one node shows never goes back.
func (s *storm) client(ctx context.Context, i int, rng *rand.Rand) {
	var n *node
	seen := map[string]int{}
	for ctx.Err() == nil {
		if next := s.some(rng); next != n || rng.IntN(10) == 0 {
			n, seen = next, map[string]int{}
		}
		key := string(rune('a' + rng.IntN(12))) // enough of them that each one's history is checked in seconds
		one, cancel := context.WithTimeout(s.t.Context(), 5*time.Second)
		switch rng.IntN(3) {
		case 0:
			s.h.do(i, linearInput{key, true}, func() (int, error) {
				err := n.Barrier(one)
				return n.reg.get(key), err
			})
		default:
			s.h.do(i, linearInput{key, false}, func() (int, error) { return n.count(one, key) })
		}
		cancel()
		now := n.reg.get(key)
		if now < seen[key] {
			s.t.Errorf("%s showed %d of %s after %d", n.id, now, key, seen[key])
		}
		seen[key] = now
		time.Sleep(time.Duration(rng.IntN(30)) * time.Millisecond)
	}
}

// count adds one and returns the answer. Its own change shows at once.
func (n *node) count(ctx context.Context, key string) (int, error) {
	s := n.Session()
	op := s.Next()
	answer, index, err := n.Propose(ctx, op, []byte("add "+key))
	if err != nil {
		return 0, err
	}
	got, err := strconv.Atoi(string(answer))
	if n.Index() < index || n.reg.get(key) < got {
		n.t.Errorf("%s does not show its own change %d of %s", n.id, got, key)
	}
	return got, err
}

// fault breaks or mends one thing. A majority of the nodes always runs.
func (s *storm) fault(rng *rand.Rand, all []string) {
	s.mu.Lock()
	ids := s.ids()
	s.mu.Unlock()
	pick := func() string { return ids[rng.IntN(len(ids))] }
	switch rng.IntN(6) {
	case 0:
		s.faults["partition"]++
		k := 1 + rng.IntN(len(all)-1)
		rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		s.net.Partition(all[:k:k], all[k:])
	case 1:
		s.faults["one-way cut"]++
		s.net.Cut(pick(), pick(), false)
	case 2:
		s.faults["cut"]++
		s.net.Cut(pick(), pick(), true)
	case 3:
		s.faults["heal"]++
		s.net.Heal()
	case 4, 5:
		if len(ids) < len(all) { // back it comes
			s.faults["restart"]++
			s.restart(missing(all, ids))
			return
		}
		s.faults["crash"]++
		id := pick()
		s.mu.Lock()
		n := s.nodes[id]
		delete(s.nodes, id)
		s.mu.Unlock()
		s.kill(n)
	}
}

func (s *storm) restart(id string) {
	cfg := s.config(id)
	r := newRegister()
	j, err := journal.Open(s.t.Context(), cfg, r)
	if err != nil {
		s.t.Errorf("reopening %s: %v", id, err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nodes[id] = &node{Journal: j, t: s.t, id: id, reg: r, session: j.Session()}
}

func missing(all, some []string) string {
	for _, id := range all {
		if !slices.Contains(some, id) {
			return id
		}
	}
	return ""
}

// TestChangesAreLinearizable runs clients on all nodes of a mesh that is partitioned, cut, killed and mended meanwhile.
func TestChangesAreLinearizable(t *testing.T) {
	for seed := range uint64(max(2, racetest.Fewer(4))) { // of either size
		nodes := []int{3, 5}[seed%2]
		t.Run(fmt.Sprintf("nodes=%d/seed=%d", nodes, seed), func(t *testing.T) {
			mesh(t, func(t *testing.T, g *group) {
				s := &storm{group: g, faults: map[string]int{}}
				all := []string{"a", "b", "c", "d", "e"}[:nodes]
				g.grow(all...)
				ctx, cancel := context.WithCancel(t.Context())
				var clients sync.WaitGroup
				for i := range 4 {
					clients.Go(func() { s.client(ctx, i, rand.New(rand.NewPCG(seed, uint64(i)))) })
				}
				rng := rand.New(rand.NewPCG(seed, 99))
				for range 25 {
					time.Sleep(time.Duration(200+rng.IntN(2500)) * time.Millisecond)
					s.fault(rng, all)
				}
				g.net.Heal()
				for len(g.nodes) < len(all) {
					s.restart(missing(all, g.ids()))
				}
				time.Sleep(10 * time.Second)
				cancel()
				clients.Wait()
				for _, id := range all {
					require.NoError(t, g.nodes[id].Barrier(t.Context()), "%s after all has healed", id)
				}
				want := g.nodes["a"].reg.all()
				total := 0
				for _, n := range want {
					total += n
				}
				require.GreaterOrEqual(t, total, s.h.adds, "an acknowledged change is lost")
				require.LessOrEqual(t, total, s.h.adds+s.h.lost, "a change came twice")
				for _, id := range all {
					require.Equal(t, want, g.nodes[id].reg.all(), id)
				}
				res, _ := porcupine.CheckOperationsVerbose(counters, s.h.ops, 30*time.Second)
				require.Equal(t, porcupine.Ok, res)
				t.Logf("%d changes acknowledged, %d unknown, %d operations; faults %v", s.h.adds, s.h.lost, len(s.h.ops), s.faults)
			})
		})
	}
}
