package journal

import (
	"context"
	"errors"
	"net"
	"time"
)

// Peers is what a journal needs of a mesh. Every method may be called from any goroutine.
type Peers interface {
	// Members are the nodes known, this one too; a copy.
	Members() []Member
	// Changed is closed at the next change of Members.
	Changed() <-chan struct{}
	// Dial opens a stream to a node's journal.
	Dial(ctx context.Context, id string) (net.Conn, error)
	// Call asks a node's journal. An error that is ErrNotDelivered says that it surely was not asked; after any other one it may have been.
	Call(ctx context.Context, id string, req []byte) ([]byte, error)
	// Announce makes meta, at most 64 bytes, this node's Member.Meta everywhere.
	Announce(meta []byte) error
	// Serve begins to hand over what others dial and call. Open calls it once, before it needs anybody.
	Serve(s Server)
}

// Server answers what others ask of a journal. After Close it refuses everything.
type Server interface {
	// ServeStream takes over conn.
	ServeStream(from string, conn net.Conn)
	// ServeCall answers one request of Call.
	ServeCall(ctx context.Context, from string, req []byte) ([]byte, error)
}

// Member is a node of the mesh.
type Member struct {
	ID    string
	Alive bool
	Left  bool // it said good-bye; neither Alive nor Left: it failed
	Zone  string
	Since time.Time // of Alive and Left as they are
	Level uint32    // highest feature level that it knows; 0 does not say
	Meta  []byte    // as it announced
}

// ErrNotDelivered is in the error of a Peers.Call that surely did not reach the other node.
var ErrNotDelivered = errors.New("not delivered")
