package cachefs

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/millpond/millpond/internal/namespace"
)

// newLease names a run of a node: its incomplete files and its intents carry it. The first half is the node's, the rest
// the run's.
func newLease(id string) (lease [16]byte) {
	node := leaseNode(id)
	copy(lease[:], node[:])
	rand.Read(lease[len(node):])
	return lease
}

// leaseNode is what the leases of all runs of a node begin with. SHA-256: nobody chooses an id that ends another's files.
func leaseNode(id string) (node [8]byte) {
	sum := sha256.Sum256([]byte(id))
	copy(node[:], sum[:])
	return node
}

// isNodes reports whether a lease is of a run of the node with that id.
func isNodes(lease [16]byte, id string) bool { return [8]byte(lease[:8]) == leaseNode(id) }

// takeOver ends what earlier runs of this node began: their incomplete files go, their intents are settled, at once if their
// stores answer soon. Of a node alone all that is not this run's is an earlier one's. In a mesh that nobody leads it goes on
// behind: reads need none of it.
func (n *Node) takeOver(ctx context.Context) error {
	if n.isAlone() {
		return n.takeOverNow(ctx)
	}
	soon, cancel := context.WithTimeout(ctx, settleAtOpen)
	defer cancel()
	err := n.takeOverNow(soon)
	if !errors.Is(err, ErrNoPrimary) && soon.Err() == nil {
		return err
	}
	n.spawn(n.takeOverBehind)
	return nil
}

func (n *Node) takeOverNow(ctx context.Context) error {
	if err := n.expireLeases(ctx); err != nil {
		return err
	}
	return n.adopt(ctx, n.earlier)
}

// takeOverBehind is takeOver that goes on until it is done, or ctx ends.
func (n *Node) takeOverBehind(ctx context.Context) {
	for {
		err := n.takeOverNow(ctx)
		n.orphans.kick()
		if err == nil || ctx.Err() != nil {
			return
		}
		n.log.Warn("what an earlier run of this node left is not ended yet", "err", err)
		select {
		case <-ctx.Done():
		case <-time.After(settleMaxDelay):
		}
	}
}

// earlier reports whether an intent was begun by an earlier run of this node.
func (n *Node) earlier(in *namespace.Intent) bool {
	return in.Lease != n.lease && (n.isAlone() || isNodes(in.Lease, n.id))
}

// expireLeases removes the incomplete files that earlier runs left.
func (n *Node) expireLeases(ctx context.Context) error {
	var c command = &namespace.ExpireNode{Node: leaseNode(n.id), Keep: n.lease}
	if n.isAlone() {
		c = &namespace.ExpireLeases{Lease: n.lease, Except: true}
	}
	_, err := n.propose(ctx, c)
	return err
}
