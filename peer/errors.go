package peer

import (
	"github.com/millpond/millpond/peer/internal/gossip"
	"github.com/millpond/millpond/peer/internal/link"
)

// What calls, reads and streams may end with, beside their contexts' errors.
var (
	// ErrMissing reports that the peer does not have the block.
	ErrMissing = link.ErrMissing
	// ErrUnreachable reports that a request surely did not reach the peer, or was a read: it may be made again, there or
	// elsewhere.
	ErrUnreachable = link.ErrUnreachable
	// ErrUnknownOutcome reports that a call may have reached the peer, and no answer came.
	ErrUnknownOutcome = link.ErrUnknownOutcome
	// ErrChecksum reports that the bytes of a block came changed. Ask another peer.
	ErrChecksum = link.ErrChecksum
	// ErrTooLarge reports a request, an answer or a Meta beyond its bound.
	ErrTooLarge = link.ErrTooLarge
	// ErrClosed reports a call after Close.
	ErrClosed = link.ErrClosed
)

// Why one node refuses another: what a RefusedError wraps.
var (
	ErrSecret   = link.ErrSecret   // the secrets differ
	ErrCluster  = link.ErrCluster  // the clusters differ
	ErrVersion  = link.ErrVersion  // the versions of the wire are too far apart
	ErrClock    = link.ErrClock    // the clocks are more than 5 minutes apart
	ErrIdentity = link.ErrIdentity // another node answers at the address: two advertise the same one
	ErrSameID   = link.ErrSameID   // two nodes have one id
	ErrSecurity = link.ErrSecurity // one side uses a secret or TLS, the other does not
	ErrNotPeer  = link.ErrNotPeer  // the other side is no node
)

// RefusedError is a connection that one side did not accept. Both sides have one.
type RefusedError = link.RefusedError

// SameIDError is two live nodes with one id: ID, Here, There.
type SameIDError = gossip.SameIDError

// RemoteError is what the peer's Handler answered: Code, Text. A Handler that returns one chooses its Code.
type RemoteError = link.RemoteError
