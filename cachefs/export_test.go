package cachefs

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/journal"
	"github.com/millpond/millpond/peer"
	"github.com/millpond/millpond/tier"
)

// Blocks are what the node's tiers have.
func Blocks(n *Node) (list []tier.BlockInfo) {
	for b := range n.tiers.All() {
		list = append(list, b)
	}
	return list
}

// Others are the nodes that a node of a test believes to be there.
type Others struct {
	mu    sync.Mutex
	list  []member
	turns chan struct{}
}

func NewOthers() *Others { return &Others{turns: make(chan struct{})} }

// Set says that a node lives, or does not.
func (o *Others) Set(id string, alive bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	list := []member{{id: id, alive: alive}}
	for _, m := range o.list {
		if m.id != id {
			list = append(list, m)
		}
	}
	o.list = list
	close(o.turns)
	o.turns = make(chan struct{})
}

func (o *Others) members() []member {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.list) // the caller may change it
}

func (o *Others) changed() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.turns
}

func (o *Others) successors([20]byte, int) []string { return nil }

func (o *Others) pull(_ context.Context, from string, id tier.BlockID, _ int64, _ *tier.Writer) error {
	return fmt.Errorf("nobody has %v at %s", id, from)
}

func (o *Others) call(_ context.Context, to, method string, _ []byte) ([]byte, error) {
	return nil, fmt.Errorf("nobody serves %s at %s", method, to)
}

func (o *Others) callLong(ctx context.Context, to, method string, req []byte) ([]byte, error) {
	return o.call(ctx, to, method, req)
}

// OpenAmong is Open in a mesh whose members are others.
func OpenAmong(ctx context.Context, cfg Config, others *Others) (*Node, error) {
	return open(ctx, cfg, func(*Node) nodes { return others })
}

// NewLease begins a run of a node.
func NewLease(id string) [16]byte { return newLease(id) }

// Change makes a change to the namespace that a node does not make by itself.
func Change(ctx context.Context, n *Node, c interface{ Append([]byte) []byte }) error {
	_, err := n.propose(ctx, c)
	return err
}

// RecodeHint decodes a hint and encodes it again.
func RecodeHint(b []byte) ([]byte, error) {
	h, err := decodeHint(b)
	if err != nil {
		return nil, err
	}
	return h.append(nil), nil
}

// DropAll drops all blocks that a node has.
func DropAll(n *Node) {
	for _, b := range Blocks(n) {
		n.tiers.Drop(b.ID)
	}
}

// Effects is the queue between Apply and the tiers.
type Effects struct{ e *effects }

func NewEffects() Effects { return Effects{newEffects()} }

func (e Effects) Add()                           { e.e.add([]namespace.Effect{{Kind: namespace.Dropped}}) }
func (e Effects) Take()                          { e.e.take() }
func (e Effects) Depth() int                     { return e.e.depth() }
func (e Effects) Rest()                          { e.e.rest() }
func (e Effects) Wait(ctx context.Context) error { return e.e.wait(ctx, nil) }

// FollowMounts applies commands to a replica, one by one, and says when its mounts have changed. reached is what who waits for the
// replica takes for applied at that time.
func FollowMounts(cmds [][]byte, changed func(reached uint64)) {
	m := machine{tree: namespace.New(), effects: newEffects(), leftovers: newLeftovers(), applying: &applying{}}
	m.mounts = func() { at, _ := m.applying.at(); changed(at) }
	for i, cmd := range cmds {
		m.Apply([]journal.Entry{{Index: uint64(i + 1), Time: 1, Cmd: cmd}})
	}
}

// Hot counts how often blocks are asked for.
type Hot struct{ hot }

func NewHot() Hot { return Hot{hot{newSlots[heat]()}} }

func (h Hot) Asked(key peer.Key, from string, now time.Time) []string { return h.asked(key, from, now) }
func (h Hot) Kept(key peer.Key, by string)                            { h.kept(key, by) }

// Key names a file's first block.
func Key(info *Info) peer.Key { return peer.Key(tier.NewBlockID(info.FileID(), 0)) }

// Owner is who owns a block, as n sees it.
func Owner(n *Node, key peer.Key) string { return n.mesh.p.Owners(nil, key, 1)[0] }

// Flip changes a bit of each piece of a block in memory.
func Flip(n *Node, key peer.Key) {
	for at := int64(0); at < n.tiers.Get(tier.BlockID(key)).Len(); at += tier.PieceSize {
		FlipAt(n, key, at)
	}
}

// FlipAt changes a bit of a block in memory.
func FlipAt(n *Node, key peer.Key, at int64) {
	v, _ := n.tiers.Get(tier.BlockID(key)).View(at, 1)
	v.Bytes()[0] ^= 1
	v.Release()
}

// Sums are those of a block in memory.
func Sums(n *Node, key peer.Key) []uint64 {
	b := n.tiers.Get(tier.BlockID(key))
	v, sums, _ := b.ViewPieces(0, int(b.Len()))
	v.Release()
	return sums
}

// Intents are those that a node's replica has.
func Intents(n *Node) []namespace.Intent { return n.tree.Intents() }

// ParseMeta takes apart what a member announces.
func ParseMeta(b []byte) (run [16]byte, journal []byte) { return parseMeta(b) }

// SpreadOut is spreadOut of nodes whose names begin with their zone and rack, a letter each.
func SpreadOut(list, homes string) string {
	sites := map[string]site{}
	for id := range strings.FieldsSeq(list + " " + homes) {
		sites[id] = site{id[:1], id[:2]}
	}
	return strings.Join(spreadOut(strings.Fields(list), strings.Fields(homes), sites), " ")
}
