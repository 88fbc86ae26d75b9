package cachefs

import (
	"context"
	"os"
	"sync"

	"github.com/millpond/millpond/internal/tail"
	"github.com/millpond/millpond/peer"
)

// peers is what reads ask of the mesh: *peer.Mesh, and in tests nodes of one process that call each other.
type peers interface {
	// Owners appends up to n live members that own key, in the ring's order.
	Owners(dst []string, key peer.Key, n int) []string
	// Previous is the owner before the ring's last change, while that is fresh.
	Previous(key peer.Key) (string, bool)
	// Owned reports whether this node owns key, or did before the ring's last change, while that is fresh.
	Owned(key peer.Key) bool
	// Members are the nodes that are known.
	Members() []peer.Member
	// Changed is closed at the next change of Members or of who owns what.
	Changed() <-chan struct{}
	// ReadBlock reads into dst, in order, and tells of what has arrived.
	ReadBlock(ctx context.Context, to string, r peer.BlockRequest, dst [][]byte, arrived func(n int64)) (holders []string, err error)
	// Call asks another node, CallLong what may take as long as a store does.
	Call(ctx context.Context, to, method string, req []byte) ([]byte, error)
	CallLong(ctx context.Context, to, method string, req []byte) ([]byte, error)
}

// blockWriter is what a block is sent with: *peer.BlockWriter.
type blockWriter interface {
	InTurn(f func() error) error
	Lend(b []byte, release func()) error
	LendSummed(b []byte, sums []uint64, release func()) error
	SendFile(f *os.File, off, n int64, sums []uint64) error
	Write(p []byte) (int, error)
	Holders(ids []string)
}

// mesh is what this node's reads have of the other nodes. A node that is alone has none.
type mesh struct {
	n      *Node
	p      peers
	hedges tail.Budget
	hot    hot    // blocks that others ask for
	copies copies // that others have, of hot blocks
	mu     struct {
		sync.Mutex
		known map[string]*acquaintance
	}
}

func newMesh(n *Node, p peers) *mesh {
	m := &mesh{n: n, p: p, hot: hot{newSlots[heat]()}, copies: copies{newSlots[told]()}}
	m.mu.known = map[string]*acquaintance{}
	return m
}

// of is what is known of a peer.
func (m *mesh) of(id string) *acquaintance {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.mu.known[id]
	if a == nil {
		a = newAcquaintance()
		m.mu.known[id] = a
	}
	return a
}
