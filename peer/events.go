package peer

import "time"

// Events are told what happens, by the mesh's own goroutines: they must not wait. Nil ones are left out.
type Events struct {
	Member  func(Member)      // a member came, changed, failed or left
	Join    func(JoinInfo)    // joining through the addresses of Config was tried
	Refused func(RefusedInfo) // a peer was refused, or refused this node
	Ring    func(RingInfo)    // keys changed owners
}

// JoinInfo is one attempt to join.
type JoinInfo struct {
	Addrs   []string      // that the sources gave, but for this node's own
	Reached int           // how many of them answered
	Err     error         // why others did not; errors.Join of one for each
	Retry   time.Duration // until the next attempt; 0: none is needed
}

// RefusedInfo is a peer that may not be in one mesh with this node.
type RefusedInfo struct {
	Addr string // of the peer, as far as it is known
	Err  error  // names what differs, and both sides
}

// RingInfo is a change of the ring.
type RingInfo struct {
	Members int // that own keys now
}
