package cachefs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/journal/journaltest"
	"github.com/millpond/millpond/tier"
)

// Rig is nodes of one process that share a namespace. What one asks of another is answered at once, while both live and
// nothing is cut between them.
type Rig struct {
	net *journaltest.Network
	mu  struct {
		sync.Mutex
		nodes map[string]*Node
		apart map[string]bool // cut off from all others
		calls []string        // "from>to method", in order
		fail  func(from, to, method string) error
	}
}

// NewRig returns a rig whose nodes take detect to notice that another one has failed.
func NewRig(detect time.Duration) *Rig {
	r := &Rig{net: journaltest.New(detect)}
	r.mu.nodes, r.mu.apart = map[string]*Node{}, map[string]bool{}
	return r
}

// Open opens a node of the rig, which expects so many to begin together.
func (r *Rig) Open(ctx context.Context, id string, expect int, cfg Config) (*Node, error) {
	p := r.net.Peer(id, journaltest.Options{Level: namespace.MaxLevel})
	cfg.Journal.NodeID, cfg.Journal.Peers, cfg.Journal.JoinSource, cfg.Journal.Expect = id, p, true, expect
	n, err := open(ctx, cfg, &rigged{r, id, p})
	if err == nil {
		r.mu.Lock()
		r.mu.nodes[id] = n
		r.mu.Unlock()
	}
	return n, err
}

// Crash takes a node off the network for good: it runs on, and nobody hears of it.
func (r *Rig) Crash(id string) *Node {
	r.mu.Lock()
	n := r.mu.nodes[id]
	delete(r.mu.nodes, id)
	r.mu.Unlock()
	r.net.Crash(id)
	return n
}

// Leave ends a node gracefully.
func (r *Rig) Leave(ctx context.Context, id string) error {
	r.mu.Lock()
	n := r.mu.nodes[id]
	r.mu.Unlock()
	err := n.Shutdown(ctx)
	r.net.Leave(id)
	r.mu.Lock()
	delete(r.mu.nodes, id)
	r.mu.Unlock()
	return err
}

// Isolate cuts a node off from all others; Heal mends everything.
func (r *Rig) Isolate(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.apart[id] = true
	for other := range r.mu.nodes {
		if other != id {
			r.net.Cut(id, other, true)
		}
	}
}

func (r *Rig) Heal() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.mu.apart)
	r.net.Heal()
}

// FailCalls has each call between nodes fail for which f returns an error; nil for none.
func (r *Rig) FailCalls(f func(from, to, method string) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.fail = f
}

// Calls are those that nodes have made, and forgets them.
func (r *Rig) Calls() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.mu.calls
	r.mu.calls = nil
	return list
}

// Living are the nodes that are open, sorted by id.
func (r *Rig) Living() (list []*Node) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range r.mu.nodes {
		list = append(list, n)
	}
	slices.SortFunc(list, func(a, b *Node) int { return cmp.Compare(a.id, b.id) })
	return list
}

// Primary is the node that leads, nil if none of the living does.
func (r *Rig) Primary() *Node {
	for _, n := range r.Living() {
		if n.journal.Primary() {
			return n
		}
	}
	return nil
}

var errCut = errors.New("nobody answers")

func (r *Rig) reach(from, to, method string) (*Node, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.mu.nodes[to]
	if n == nil || r.mu.nodes[from] == nil || r.mu.apart[from] || r.mu.apart[to] {
		return nil, fmt.Errorf("%s from %s to %s: %w", method, from, to, errCut)
	}
	if method != "" {
		r.mu.calls = append(r.mu.calls, from+">"+to+" "+method)
	}
	if r.mu.fail != nil {
		if err := r.mu.fail(from, to, method); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// rigged is a rig as one of its nodes sees it.
type rigged struct {
	r  *Rig
	id string
	*journaltest.Peer
}

func (g *rigged) members() (list []member) {
	for _, m := range g.Members() {
		list = append(list, member{id: m.ID, alive: m.Alive, since: m.Since})
	}
	return list
}

func (g *rigged) changed() <-chan struct{} { return g.Changed() }

// successors are all live members, in the order of their ids.
func (g *rigged) successors(_ [20]byte, n int) (ids []string) {
	for _, m := range g.members() {
		if m.alive {
			ids = append(ids, m.id)
		}
	}
	slices.Sort(ids)
	return ids[:min(n, len(ids))]
}

func (g *rigged) call(ctx context.Context, to, method string, req []byte) ([]byte, error) {
	n, err := g.r.reach(g.id, to, method)
	if err != nil {
		return nil, err
	}
	return n.serve(ctx, g.id, method, req)
}

func (g *rigged) pull(ctx context.Context, from string, id tier.BlockID, length int64, w *tier.Writer) error {
	n, err := g.r.reach(g.id, from, "")
	if err != nil {
		return err
	}
	p := make([]byte, length)
	if _, _, err := n.tiers.ReadAt(ctx, id, p, 0, false); err != nil {
		return err
	}
	_, err = w.Write(p)
	return err
}

// Homes are the homes of a file, as a node's replica has them.
func Homes(n *Node, path string) ([]string, error) {
	in, err := n.tree.Stat(path, nil)
	return in.Homes, err
}

// HoldsAll reports whether a node's tiers have all blocks of a file, and hold them.
func HoldsAll(n *Node, path string) bool {
	in, err := n.tree.Stat(path, nil)
	if err != nil || !n.holdsAll(&in) {
		return false
	}
	for b := range n.tiers.All() {
		if b.ID.File() == in.FileID && !b.Held {
			return false
		}
	}
	return true
}
