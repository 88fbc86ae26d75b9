package link

import (
	"errors"
	"fmt"
)

// What a Call or a ReadBlock may end with, beside its context's error.
var (
	// ErrMissing is ServeBlock's answer for a block that the node does not hold.
	ErrMissing = errors.New("block is not held")
	// ErrUnreachable says that the request was surely not delivered, or was a read, which may be made again.
	ErrUnreachable = errors.New("node is not reached")
	// ErrUnknownOutcome says that a call may have been delivered, and no answer came.
	ErrUnknownOutcome = errors.New("call may have been delivered, its outcome is not known")
	// ErrChecksum says that bytes of a block came changed: ask somebody else.
	ErrChecksum = errors.New("checksum does not match")
	// ErrTooLarge is a request or an answer beyond what a frame may carry.
	ErrTooLarge = errors.New("too large for the mesh")
	// ErrClosed says that this node's endpoint is closed.
	ErrClosed = errors.New("mesh is closed")
)

// Why a connection was not let in: what a RefusedError wraps.
var (
	ErrSecret      = errors.New("the secrets differ")
	ErrCluster     = errors.New("the clusters differ")
	ErrVersion     = errors.New("the versions are too far apart")
	ErrClock       = errors.New("the clocks are too far apart")
	ErrIdentity    = errors.New("another node answers at this address")
	ErrSameID      = errors.New("two nodes have the same id")
	ErrSelf        = errors.New("this is the node's own address")
	ErrSecurity    = errors.New("the nodes secure connections differently")
	ErrCertificate = errors.New("a certificate is not accepted")
	ErrNotPeer     = errors.New("the other side does not speak the mesh's protocol")
	ErrCrowded     = errors.New("too many connections")
)

// RefusedError is a connection that one side did not accept, on either side.
type RefusedError struct {
	Addr   string // of the other side
	ID     string // what the other side calls itself; "" if it did not say
	Remote bool   // the other side refused, not this one
	Reason error  // one of the above
	Detail string // what differs; may be empty
}

func (e *RefusedError) Error() string {
	who := "refused " + e.Addr
	if e.Remote {
		who = "refused by " + e.Addr
	}
	if e.ID != "" {
		who += " (node " + e.ID + ")"
	}
	if e.Detail == "" {
		return fmt.Sprintf("%s: %v", who, e.Reason)
	}
	return fmt.Sprintf("%s: %v: %s", who, e.Reason, e.Detail)
}

func (e *RefusedError) Unwrap() error { return e.Reason }

// RemoteError is what the other node's handler answered. A Handler that returns one chooses its Code.
type RemoteError struct {
	Code uint32 // the handler's; 0 if it did not choose
	Text string // at most 4 KiB arrive
}

func (e *RemoteError) Error() string { return e.Text }

// FrameError is a frame that ends its connection: too long, unknown, changed, truncated, or out of order.
type FrameError struct{ What string }

func (e *FrameError) Error() string { return "bad frame: " + e.What }

func badFrame(format string, args ...any) error { return &FrameError{fmt.Sprintf(format, args...)} }

// lostError is a request whose connection ended, or did not come about.
type lostError struct {
	kind  error // ErrUnreachable or ErrUnknownOutcome
	id    string
	cause error
}

func (e *lostError) Error() string   { return fmt.Sprintf("node %s: %v: %v", e.id, e.kind, e.cause) }
func (e *lostError) Unwrap() []error { return []error{e.kind, e.cause} }
