package gossip

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/hashicorp/serf/serf"
)

// Config is what a Gossip is made of. All fields are needed but Secrets.
type Config struct {
	ID, Cluster string
	Advertise   netip.AddrPort // where others reach this node
	Tags        Tags
	Packets     net.PacketConn // closed by Close
	// Dial opens a stream to the Accept of the node at addr; id is who is expected there, if that is known.
	Dial func(ctx context.Context, addr, id string) (net.Conn, error)
	// Secrets encrypt packets and streams, the first one; all are accepted.
	Secrets  []string
	Now      func() time.Time
	Logger   *slog.Logger
	Event    func(Event)        // from one goroutine
	Conflict func(*SameIDError) // from any
	// Stranger is told of each packet from where no node is known; it returns at once. It may be nil.
	Stranger func(from netip.AddrPort)
}

// The times of failure detection, for a local network: a node that stops is probed within half a second, its probe
// fails after another, and the suspicion is believed after 1.2 s, or somewhat more where nodes are many;
// after six times that where no other node is left to confirm it, since then it may be this one that is slow or cut off.
const (
	probeInterval = 400 * time.Millisecond
	probeTimeout  = 200 * time.Millisecond
	suspicionMult = 3

	gossipInterval   = 100 * time.Millisecond
	exchangeInterval = 15 * time.Second      // of the whole state with one other node
	streamTimeout    = 3 * time.Second       // of such an exchange
	reconnectEvery   = 3 * time.Second       // while there are failed nodes
	keepFailed       = 24 * time.Hour        // and try to reach them
	keepLeft         = time.Hour             // so that late news of them is known to be old
	leaveTimeout     = time.Second           // for the news to be sent, which takes a few rounds
	leaveSpread      = 10 * time.Millisecond // others pass it on; who probes us before it has heard is told in time
	maxPayload       = 1400 - sealLen        // of a packet, below the usual MTU
	mostHealth       = 4                     // times the probe interval, while this node itself is slow
)

func (g *Gossip) serfConfig() *serf.Config {
	c := serf.DefaultConfig()
	c.NodeName = g.cfg.ID
	c.Tags = g.cfg.Tags.encode()
	c.Logger = newLogger(g.cfg.Logger)
	c.EventCh = g.events
	c.BroadcastTimeout, c.LeavePropagateDelay = leaveTimeout, leaveSpread
	c.ReconnectInterval, c.ReconnectTimeout, c.TombstoneTimeout = reconnectEvery, keepFailed, keepLeft
	c.EventBuffer, c.QueryBuffer = 1, 1 // we send neither
	c.EnableNameConflictResolution = false
	c.DisableCoordinates = true
	c.MemberlistConfig = g.memberlistConfig(c)
	return c
}

func (g *Gossip) memberlistConfig(s *serf.Config) *memberlist.Config {
	c := memberlist.DefaultLANConfig()
	c.Logger = s.Logger
	c.Transport = g.transport
	c.Merge = merger{g}
	c.TCPTimeout = streamTimeout
	c.ProbeInterval, c.ProbeTimeout, c.SuspicionMult = probeInterval, probeTimeout, suspicionMult
	c.AwarenessMaxMultiplier = mostHealth
	c.GossipInterval, c.PushPullInterval = gossipInterval, exchangeInterval
	c.UDPBufferSize = maxPayload
	c.EnableCompression = false
	c.DeadNodeReclaimTime = time.Nanosecond // a node that failed may come back at another address at once
	c.Keyring = g.keyring
	return c
}
