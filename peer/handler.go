package peer

import (
	"context"
	"net"

	"github.com/millpond/millpond/peer/internal/link"
)

// Key names a block. The mesh hashes it and does not look inside.
type Key = link.Key

// BlockRequest asks a peer for a part of a block.
type BlockRequest struct {
	Key         Key
	Off, Length int64  // bytes, within the block; at most 1 GiB
	Fill        bool   // bring the block from its store if you lack it; else answer ErrMissing
	Hint        []byte // what that takes, up to 16 KiB; the mesh does not look inside

	// Sums is where ReadBlock puts the XXH3 of the pieces of 64 KiB, counted from the block's start, that the bytes lie in: of
	// what of them was asked for, before arrived tells of it. What came in parts, because the peer sent it as it arrived there, is
	// left as it is. nil: they are not wanted. Not sent.
	Sums []uint64
}

// BlockWriter sends the bytes of one request, in order: Lend without a copy, SendFile from a file without passing through
// this process, Write as they arrive. Holders tells who else has the block. It is ServeBlock's own and no good after it.
type BlockWriter = link.BlockWriter

// Handler serves what other nodes ask of this one. Its methods are called from any goroutine. Their contexts end when the
// caller gives up, when its deadline passes, or with the connection; they return soon after.
type Handler interface {
	// ServeBlock writes all the bytes that r asks for to w, in order, and returns. An error ends the request at the
	// caller's: ErrMissing, a *RemoteError and errors of contexts as they are, others as a RemoteError of their text.
	ServeBlock(ctx context.Context, from string, r *BlockRequest, w *BlockWriter) error
	// ServeCall answers a call. req and the answer belong to whom they are given to. Errors are as ServeBlock's.
	ServeCall(ctx context.Context, from, method string, req []byte) ([]byte, error)
	// ServeStream takes over a connection that the node from opened with Dial for proto, and closes it. The mesh does not.
	ServeStream(from, proto string, conn net.Conn)
}

// ReadyHandler is a Handler that serves reads of what it has in memory, or in the page cache, at once, which saves a goroutine for each: small
// ones, and large ones of a node of this host that come one at a time.
type ReadyHandler interface {
	Handler
	// ServeReady gives w all that r asks for, MaxReady bytes at most, in one piece: it lends them, or sends them from a file whose bytes are in the
	// page cache, but not 16 KiB or less, since SendFile waits for the other answers of the connection. Or it gives w nothing and returns false,
	// and ServeBlock is called. It does not wait: the requests behind this one on its connection would, too.
	ServeReady(from string, r *BlockRequest, w *BlockWriter) bool
}

// MaxReady is how many bytes a ReadyHandler is asked for at most.
const MaxReady = link.MaxReady

// serve makes a Handler one of link's.
func serve(h Handler) link.Handler {
	if r, ok := h.(ReadyHandler); ok {
		return servedReady{served{h}, r}
	}
	return served{h}
}

type servedReady struct {
	served
	ready ReadyHandler
}

func (s servedReady) ServeReady(from string, r *link.BlockRequest, w *BlockWriter) bool {
	return s.ready.ServeReady(from, (*BlockRequest)(r), w)
}

// served makes a Handler one of link's.
type served struct{ Handler }

func (s served) ServeBlock(ctx context.Context, from string, r *link.BlockRequest, w *BlockWriter) error {
	return s.Handler.ServeBlock(ctx, from, (*BlockRequest)(r), w)
}
