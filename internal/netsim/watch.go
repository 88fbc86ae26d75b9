package netsim

// Sent is a packet, or a piece of what was written to a connection, as it is sent.
type Sent struct {
	From, To string // host:port
	Packet   bool
	Bytes    []byte // not to be changed or kept
}

// Tap shows f all that is sent from now on. f is called under the network's lock: it must not use the network.
func (n *Net) Tap(f func(Sent)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.tap = f
}

func (n *Net) tappedLocked(s Sent) {
	if n.tap != nil {
		n.tap(s)
	}
}

// Stats count what was sent.
type Stats struct {
	Packets, PacketBytes, Lost int64 // Lost are packets that did not arrive
	Conns, ConnBytes           int64
}

// Stats are the counts so far.
func (n *Net) Stats() Stats {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.stats
}
