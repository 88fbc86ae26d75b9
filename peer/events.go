package peer

import (
	"time"

	"github.com/millpond/millpond/peer/internal/link"
)

// Events are told what happens, by the mesh's own goroutines: they must not wait, nor call the mesh. Nil ones are left out.
type Events struct {
	Member  func(Member)      // a member came, changed, failed or left
	Join    func(JoinInfo)    // joining through the addresses of Config was tried
	Refused func(RefusedInfo) // a peer was refused, or refused this node
	Ring    func(RingInfo)    // keys changed owners
	Conn    func(ConnInfo)    // a connection for calls and blocks began or ended
	Broken  func(BrokenInfo)  // a connection was closed for what came over it
	Corrupt func(CorruptInfo) // bytes of a block came changed
}

// JoinInfo is one attempt to join.
type JoinInfo struct {
	Addrs   []string      // that the sources gave, or a packet came from, but for those of nodes that are members already
	Reached int           // how many of them were joined: at most one, since others come with it
	Err     error         // of sources and addresses that failed, joined
	Retry   time.Duration // until the next attempt
}

// RefusedInfo is a peer that may not be in one mesh with this node.
type RefusedInfo struct {
	Addr string // of the peer, as far as it is known; "process 1234" if it called through a Unix socket of this host
	Err  error  // a *RefusedError or a *SameIDError: it names what differs
}

// RingInfo is a change of the ring.
type RingInfo struct {
	Members int // that own keys now
}

// ConnInfo is a connection for calls and blocks: ID and Addr of the peer, Dialled by this node or accepted, whether it goes through a
// Unix socket of this host (who dialled has "process 1234" as Addr then), whether this is its End, and what ended it.
type ConnInfo = link.ConnectInfo

// BrokenInfo is a connection whose other side broke the protocol: ID, Addr, Err.
type BrokenInfo = link.BrokenInfo

// CorruptInfo is a piece of a block that did not match its checksum: ID, Addr, Key, Off.
type CorruptInfo = link.CorruptInfo
