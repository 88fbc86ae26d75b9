package cachefs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/journal/journaltest"
	"github.com/millpond/millpond/peer"
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
		after func(from, to, method string)
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
	n, err := open(ctx, cfg, func(n *Node) nodes { n.mesh = newMesh(n, &rigged{r, id, p}); return others{n} })
	if err == nil {
		r.mu.Lock()
		r.mu.nodes[id] = n
		r.mu.Unlock()
	}
	return n, err
}

// Older adds a member of an older release to what journals see. It answers nobody.
func (r *Rig) Older(id string) { r.net.Peer(id, journaltest.Options{Level: namespace.MaxLevel - 1}) }

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

// CutJournals stops what the journals of two nodes tell each other, and nothing else.
func (r *Rig) CutJournals(a, b string) { r.net.Cut(a, b, true) }

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

// AfterCalls has f called when a call between nodes has been answered, before the caller hears of it; nil for nothing.
func (r *Rig) AfterCalls(f func(from, to, method string)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.after = f
}

func (r *Rig) answered(from, to, method string) {
	r.mu.Lock()
	after := r.mu.after
	r.mu.Unlock()
	if after != nil {
		after(from, to, method)
	}
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
	if method != "read" {
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
	p  *journaltest.Peer
}

func (g *rigged) Members() (list []peer.Member) {
	for _, m := range g.p.Members() {
		state := peer.Failed
		switch {
		case m.Alive:
			state = peer.Alive
		case m.Left:
			state = peer.Left
		}
		list = append(list, peer.Member{ID: m.ID, State: state, Since: m.Since, Self: m.ID == g.id})
	}
	return list
}

func (g *rigged) Changed() <-chan struct{} { return g.p.Changed() }

// Owners are the live members in the order of their ids, beginning where the key says.
func (g *rigged) Owners(dst []string, key peer.Key, n int) []string {
	var ids []string
	for _, m := range g.Members() {
		if m.State == peer.Alive {
			ids = append(ids, m.ID)
		}
	}
	slices.Sort(ids)
	first := int(crc32.ChecksumIEEE(key[:])) % len(ids)
	ids = append(ids[first:], ids[:first]...)
	return append(dst, ids[:min(n, len(ids))]...)
}

func (g *rigged) Previous(peer.Key) (string, bool) { return "", false }

func (g *rigged) Owned(peer.Key) bool { return true }

func (g *rigged) Call(ctx context.Context, to, method string, req []byte) ([]byte, error) {
	n, err := g.r.reach(g.id, to, method)
	if err != nil {
		return nil, err
	}
	defer g.r.answered(g.id, to, method)
	return n.serve(ctx, g.id, method, req)
}

func (g *rigged) CallLong(ctx context.Context, to, method string, req []byte) ([]byte, error) {
	return g.Call(ctx, to, method, req)
}

func (g *rigged) ReadBlock(ctx context.Context, to string, r peer.BlockRequest, dst [][]byte, arrived func(n int64)) ([]string, error) {
	n, err := g.r.reach(g.id, to, "read")
	if err != nil {
		return nil, err
	}
	w := &fakeWriter{ctx: ctx, dst: dst, arrived: arrived}
	if err := n.mesh.serveBlock(ctx, g.id, &r, w); err != nil {
		return nil, err
	}
	if w.n != r.Length {
		return nil, io.ErrUnexpectedEOF
	}
	return nil, w.err
}

// Homes are the homes of a file, as a node's replica has them.
func Homes(n *Node, path string) ([]string, error) {
	in, err := n.tree.Stat(path, nil)
	return in.Homes, err
}

// HoldsAll reports whether a node's tiers have all blocks of a file, and hold a copy of each.
func HoldsAll(n *Node, path string) bool {
	in, err := n.tree.Stat(path, nil)
	if err != nil {
		return false
	}
	held := map[tier.BlockID]bool{}
	for b := range n.tiers.All() {
		if b.ID.File() == in.FileID && b.Held {
			held[b.ID] = true
		}
	}
	return int64(len(held)) == blocksOf(&in)
}

// Applied is closed when a node's replica has applied something more.
func Applied(n *Node) <-chan struct{} { return n.applying.next() }

// Serve answers a call as if another node had made it.
func Serve(ctx context.Context, n *Node, method string, req []byte) ([]byte, error) {
	return n.serve(ctx, "other", method, req)
}

// CallMethods are what nodes ask of each other when they change the namespace.
var CallMethods = []string{callApplied, callHold, callMove, callLoad, callLook}

// AskHold has a node take copies of a file of that size, as from says.
func AskHold(ctx context.Context, n, from *Node, path string, size int64) error {
	return askHold(ctx, n, from, path, holdRequest{Size: size})
}

// AskLetGo has a node let go of what it took of a file that had that size then, as from says.
func AskLetGo(ctx context.Context, n, from *Node, path string, size int64) error {
	return askHold(ctx, n, from, path, holdRequest{Size: size, LetGo: true})
}

// AddHome has the journal take, through n, that another node is a home of a file.
func AddHome(ctx context.Context, n *Node, path, id string) error {
	in, err := n.tree.Stat(path, nil)
	if err != nil {
		return err
	}
	return Change(ctx, n, &namespace.SetHomes{Ino: in.Ino, FileID: in.FileID, Add: []string{id}})
}

// Taken is of how many files a node does not know yet whether copies that it took are needed.
func Taken(n *Node) int { return len(n.taken.list()) }

func askHold(ctx context.Context, n, from *Node, path string, r holdRequest) error {
	in, err := from.tree.Stat(path, nil)
	if err != nil {
		return err
	}
	r.Index, r.Ino, r.File = from.tree.Index(), in.Ino, in.FileID[:]
	_, err = askNode[none](ctx, from, n.id, callHold, r)
	return err
}

// Leavers are the nodes that leave, as a node's replica has them.
func Leavers(n *Node) (ids []string) {
	for _, l := range n.tree.Leavers() {
		ids = append(ids, l.Node)
	}
	return ids
}

// SayLeaving has the journal take, through n, that another node leaves.
func SayLeaving(ctx context.Context, n *Node, id string) error {
	return Change(ctx, n, &namespace.Leaving{Leaver: namespace.Leaver{Node: id, Lease: newLease(id)}})
}

// OwnersOf are up to k owners of a key, as a node has them.
func OwnersOf(n *Node, key [20]byte, k int) []string { return n.nodes.successors(key, k) }

// DropBlock takes a block of a file out of a node's tiers.
func DropBlock(n *Node, path string, i int64) bool {
	in, err := n.tree.Stat(path, nil)
	return err == nil && n.tiers.Drop(blockID(&in, i))
}

// LettingGo has a node begin to let go of a file's blocks, as checkTaken does, and returns what ends that.
func LettingGo(n *Node, path string) (end func()) {
	in, _ := n.tree.Stat(path, nil)
	pass, err := n.holds.take(n.ctx, string(in.FileID[:]))
	if err != nil {
		panic(err)
	}
	return func() { n.unholdFile(&in); pass() }
}

// Damage flips bits of a block in a node's memory after its sums were made, and has another node complain of it; true if it was
// dropped.
func Damage(n *Node, path string, i int64) bool {
	in, _ := n.tree.Stat(path, nil)
	id := blockID(&in, i)
	Sums(n, peer.Key(id))
	Flip(n, peer.Key(id))
	_, err := n.mesh.serveCall(n.ctx, callVerify, id[:])
	_, _, there := n.tiers.Has(id)
	return err == nil && !there
}

// Astray are what a node has at rest and should not have: blocks that are held for nobody, and files that it is said to have and has
// not.
func Astray(n *Node) (list []string) {
	files := map[tier.FileID]namespace.Inode{}
	n.tree.All(func(in *namespace.Inode) bool {
		if !in.Dir {
			files[in.FileID] = *in
		}
		return true
	})
	stay := n.staying()
	for b := range n.tiers.All() {
		in, known := files[b.ID.File()]
		counted := !in.Complete || n.isAlone() || slices.Contains(in.Homes, n.id) || len(n.homesOf(&in, stay)) < n.copies(in.ReplicasMin, stay)
		if b.Held && (!known || in.Persist == namespace.Persisted || !counted) {
			list = append(list, fmt.Sprintf("%v is held in %v: file %d, %v, homes %v", b.ID, b.Kind, in.Ino, in.Persist, in.Homes))
		}
	}
	for _, in := range files {
		unsaved := in.Complete && in.Persist != namespace.Persisted && in.Persist != namespace.Lost
		if unsaved && (n.isAlone() || slices.Contains(in.Homes, n.id)) && !n.holdsFile(&in) {
			list = append(list, fmt.Sprintf("not all of file %d is held, homes %v", in.Ino, in.Homes))
		}
	}
	return list
}
