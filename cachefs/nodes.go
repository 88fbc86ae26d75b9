package cachefs

import (
	"context"
	"fmt"
	"time"

	"github.com/millpond/millpond/tier"
)

// nodes is what changes have to know of the nodes that share the namespace. Two have it: the mesh, and alone, which says
// that there are no others. All methods may be called by any number of goroutines.
type nodes interface {
	// members are the nodes that are known, this one included.
	members() []member
	// changed is closed when members would say something else; nil if they never do.
	changed() <-chan struct{}
	// call asks another node, whose Node.serve answers. An error may leave open whether it was asked. callLong asks what may take
	// as long as a store does.
	call(ctx context.Context, to, method string, req []byte) ([]byte, error)
	callLong(ctx context.Context, to, method string, req []byte) ([]byte, error)
	// pull copies what w does not have yet of a block of that length from another node. What came before an error stays.
	pull(ctx context.Context, from string, id tier.BlockID, length int64, w *tier.Writer) error
	// successors are up to n live members that the ring has for a key, in its order; this node may be one.
	successors(key [20]byte, n int) []string
}

// member is a node as the others see it.
type member struct {
	id    string
	alive bool      // neither failed nor left
	since time.Time // when that was noticed
	run   [16]byte  // the lease of its present run; zero: it has not said
	site  site
}

// alone are the nodes of a process without a mesh.
type alone struct{ id string }

func (a alone) members() []member                     { return []member{{id: a.id, alive: true}} }
func (a alone) changed() <-chan struct{}              { return nil }
func (a alone) successors(_ [20]byte, _ int) []string { return []string{a.id} }

func (a alone) pull(_ context.Context, from string, id tier.BlockID, _ int64, _ *tier.Writer) error {
	return fmt.Errorf("block %v of %s: this node is alone", id, from)
}

func (a alone) call(_ context.Context, to, method string, _ []byte) ([]byte, error) {
	return nil, fmt.Errorf("%s asked of %s: this node is alone", method, to)
}

func (a alone) callLong(ctx context.Context, to, method string, req []byte) ([]byte, error) {
	return a.call(ctx, to, method, req)
}

// isAlone reports whether no other node can share the namespace.
func (n *Node) isAlone() bool {
	_, is := n.nodes.(alone)
	return is
}
