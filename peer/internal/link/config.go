package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"
)

const (
	// MaxCall bounds the bytes of a call's request and of its answer: a batch of the journal is 16 MiB.
	MaxCall = 17 << 20
	// MaxHint bounds BlockRequest.Hint: paths and store keys are at most some KiB.
	MaxHint = 16 << 10
	// MaxBlock bounds the bytes that one ReadBlock asks for.
	MaxBlock = 1 << 30
	// MaxSecrets is how many secrets a node may accept at a time.
	MaxSecrets = 8
)

// Config is what an Endpoint is made of. ID, Dial and Handler are needed.
type Config struct {
	ID      string // this node's, at most 128 bytes
	Cluster string // at most 128 bytes; nodes of other clusters are refused
	Level   uint32 // told to the other side of each connection
	// Newest and Oldest are the versions of the wire that are spoken; default: what this build speaks.
	Newest, Oldest byte
	Handler        Handler

	// Dial connects to an address, and Resolve says at which one a node is to be found now. Without Resolve nodes are called
	// by their addresses instead of ids, and whoever answers there serves.
	Dial    func(ctx context.Context, addr string) (net.Conn, error)
	Resolve func(id string) (addr string, ok bool)
	// DialHere connects to a node of this host by a shorter way than Dial's, and fails at once where there is none. It is tried
	// first, for all but gossip. Default: none.
	DialHere func(ctx context.Context, addr string) (net.Conn, error)
	// Gossip takes over the connections that DialGossip opened; it owns them. Default: they are refused.
	Gossip func(from Peer, conn net.Conn)

	// Secrets authenticate every connection: the first one is this node's, the others are accepted, too. None: anybody
	// who can connect is let in.
	Secrets []string
	// TLS are certificates of people's own; both sides present one. Encrypt derives them from the secrets. Default: neither.
	TLS     *tls.Config
	Encrypt bool

	Events Events
	Now    func() time.Time // the wall clock that is compared with others'; default time.Now

	HandshakeTime time.Duration // what a connection has until it is authenticated; default 1 s
	MaxStrangers  int           // connections that are not authenticated yet, at a time; default 512
	MaxPerPeer    int           // frame connections that one node may open here; default 32
	CallBytes     int64         // of calls' requests that are being served, of all connections; at least MaxCall; default 128 MiB
	DialTime      time.Duration // for a connection and its handshake; default 5 s
	IdleTime      time.Duration // a connection without requests is closed after; default 1 min
	StallTime     time.Duration // a write that takes longer, or what is lent to who does not read, ends its connection; default 10 s
}

func (c Config) complete() (Config, error) {
	for _, d := range []struct {
		to   *time.Duration
		what time.Duration
	}{{&c.HandshakeTime, time.Second}, {&c.DialTime, 5 * time.Second}, {&c.IdleTime, time.Minute}, {&c.StallTime, 10 * time.Second}} {
		if *d.to == 0 {
			*d.to = d.what
		}
	}
	if c.MaxStrangers == 0 {
		c.MaxStrangers = 512
	}
	if c.MaxPerPeer == 0 {
		c.MaxPerPeer = 32
	}
	if c.CallBytes == 0 {
		c.CallBytes = 128 << 20
	}
	if c.Newest == 0 {
		c.Newest, c.Oldest = newestVersion, oldestVersion
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c, c.validate()
}

func (c *Config) validate() error {
	var errs []error
	wrong := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	wrong(c.ID == "" || len(c.ID) > maxName, "node id %q: want 1 to %d bytes", c.ID, maxName)
	wrong(len(c.Cluster) > maxName, "cluster %q: want at most %d bytes", c.Cluster, maxName)
	wrong(c.Dial == nil || c.Handler == nil, "Dial and Handler are needed")
	wrong(c.CallBytes < MaxCall, "CallBytes of %d: want at least %d", c.CallBytes, MaxCall)
	wrong(len(c.Secrets) > MaxSecrets, "%d secrets: want at most %d", len(c.Secrets), MaxSecrets)
	wrong(c.Encrypt && c.TLS != nil, "Encrypt beside TLS: want one of them")
	wrong(c.Encrypt && len(c.Secrets) == 0, "Encrypt without a secret: it derives the keys from that")
	for _, s := range c.Secrets {
		wrong(s == "", "an empty secret: leave it out")
	}
	return errors.Join(errs...)
}
