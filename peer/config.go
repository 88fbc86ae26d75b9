package peer

import (
	"context"
	"crypto/tls"
	"log/slog"
	"time"
)

// MaxMeta is the most bytes that SetMeta takes: they travel with the gossip about a node.
const MaxMeta = 128

// Config is how a node meets the others. The zero value is a node on a free port of the loopback that others join.
type Config struct {
	// Bind is the host:port to listen at, one port for TCP and UDP. Beyond the loopback it needs a Secret, or Insecure.
	// An empty host is all interfaces, port 0 any free one. Default: "127.0.0.1:0".
	Bind string
	// Advertise is the host:port at which the others reach this node; port 0 is Bind's. Default: Bind's, and where that is
	// all interfaces the machine's first private address.
	Advertise string
	// Join says where others may be found: "host:port"; a DNS name with a port, of which every address is tried;
	// "_name._tcp.example.org", an SRV record; "file:/path", one of these a line, read again when it changes. A node may
	// find itself there. Joining goes on until it works, and again whenever a node that was there is out of sight.
	// Default: none; the others join this node.
	Join []string
	// JoinFunc gives more of them, each time that joining is tried. Default: none.
	JoinFunc func(context.Context) ([]string, error)
	// Cluster names the mesh, up to 64 bytes: nodes of different names refuse each other. Default: "millpond".
	Cluster string
	// Secret encrypts gossip, and each end of a connection proves to the other that it knows it. At least 16 bytes; all
	// nodes have the same. Whoever knows it is trusted with everything. Default: none.
	Secret string
	// OldSecrets are accepted from others as well, while a secret is being changed: first every node is given the new one
	// here, then as its Secret with the old one here, then the old one goes. Default: none.
	OldSecrets []string
	// TLS encrypts connections with certificates of your own: both ends show one. It needs a certificate and RootCAs;
	// ClientCAs are RootCAs if left out. Gossip stays under Secret, which is needed too. Default: none.
	TLS *tls.Config
	// Encrypt encrypts connections with keys that both ends derive from Secret. Default: false, they are authenticated only.
	Encrypt bool
	// Insecure allows listening beyond the loopback without a Secret: whoever reaches the port reads and changes
	// everything. Default: false.
	Insecure bool
	// Zone and Rack say where the node is, up to 64 bytes each: what should survive one of them is spread. Default: none.
	Zone, Rack string
	// Weight is the node's share of keys in proportion to the others', say its capacity in MiB. Default: 1,024. Package
	// cachefs gives the sum of its tiers.
	Weight uint32
	// GraceTime is how long a node that does not answer keeps its place in the ring, so that one that restarts moves no
	// block. Meanwhile its successors serve. Negative: none. Default: 30 s.
	GraceTime time.Duration
	// TCPOnly has this node and others of its host talk over TCP, as those of different hosts do. Default: false, on Linux calls,
	// blocks and streams between processes of one user go through a Unix socket, which is faster, and which no firewall sees.
	TCPOnly bool
	// Network is what to run over. Default: the operating system's.
	Network Network
	// Logger gets what nothing returns. Default: nothing is logged.
	Logger *slog.Logger
	// Events are told what happens. Default: none.
	Events Events
	// Now is the clock that is compared with the other nodes'. Default: time.Now.
	Now func() time.Time
}

// Options are what the program around a mesh adds to the Config of its user.
type Options struct {
	// ID names the node: up to 64 bytes without spaces or slashes. It is to be kept, so that the node finds its blocks
	// when it comes back; no two live nodes may have one. Default: a random one.
	ID string
	// Level is the highest feature level that the program knows; others see it in Member. Default: 0.
	Level uint32
	// Version is the program's build, up to 32 bytes; others see it in Member. Default: this module's.
	Version string
	// Handler serves what others ask. It is needed.
	Handler Handler
}

// Check reports everything that is wrong with c, as Open would, without opening anything.
func (c Config) Check() error {
	_, err := c.complete()
	return err
}

func (c Config) complete() (Config, error) {
	if c.Bind == "" {
		c.Bind = "127.0.0.1:0"
	}
	if c.Cluster == "" {
		c.Cluster = "millpond"
	}
	if c.Weight == 0 {
		c.Weight = 1024
	}
	switch {
	case c.GraceTime == 0:
		c.GraceTime = 30 * time.Second
	case c.GraceTime < 0:
		c.GraceTime = 0
	}
	if c.Network == nil {
		c.Network = newOSNetwork(c.Bind)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c, c.check()
}
