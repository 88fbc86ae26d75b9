package link

import (
	"context"
	"net"
)

// Key is a block's name, which this package does not look into.
type Key [20]byte

// BlockRequest asks for bytes [Off, Off+Length) of a block.
type BlockRequest struct {
	Key         Key
	Off, Length int64
	Fill        bool   // bring the block from its store if you lack it
	Hint        []byte // what that takes, at most MaxHint bytes; opaque here

	// Sums is where ReadBlock puts the XXH3 of the pieces of 64 KiB, counted from the block's start, that the bytes lie in: of
	// what of them was asked for, before arrived tells of it. What came in parts, because the peer sent it as it arrived there, is
	// left as it is. nil: they are not wanted. Not sent.
	Sums []uint64
}

// Handler serves the requests of other nodes. Its methods are called from any goroutine, and their contexts end with
// the request: when the caller gives up, its deadline passes, or the connection ends. They return soon after.
type Handler interface {
	// ServeBlock sends the bytes that r asks for, all of them in order, through w, and returns; w and r are no good
	// after. An error ends the request at the caller's: ErrMissing, a *RemoteError and the context errors arrive as
	// they are, others as a RemoteError of their text.
	ServeBlock(ctx context.Context, from string, r *BlockRequest, w *BlockWriter) error
	// ServeCall answers a call; req and the answer belong to whom they are given to. Errors as with ServeBlock.
	ServeCall(ctx context.Context, from, method string, req []byte) ([]byte, error)
	// ServeStream takes over an authenticated connection that Dial opened there for proto.
	ServeStream(from, proto string, conn net.Conn)
}

// ReadyHandler is a Handler that serves reads of what it has at hand without a goroutine for each: small ones, and large ones of a node
// of this host that come one at a time.
type ReadyHandler interface {
	Handler
	// ServeReady gives w all that r asks for, at most MaxReady bytes, in one piece: it lends them, or sends them from a file whose bytes are in the
	// page cache, but not 16 KiB or less, since SendFile waits for the other answers of the connection. Or it returns false, having given w nothing,
	// and ServeBlock is called. It must not wait: the requests behind r on its connection do.
	ServeReady(from string, r *BlockRequest, w *BlockWriter) bool
}

// MaxReady is how many bytes a ReadyHandler is asked for at most.
const MaxReady = maxData
