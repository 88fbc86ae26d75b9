package gossip

import (
	"context"
	"maps"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/hashicorp/serf/serf"
)

// Gossip is a node's part in the gossip of a mesh.
type Gossip struct {
	cfg       Config
	serf      *serf.Serf
	seal      *sealer
	keyring   *memberlist.Keyring // nil without a secret
	transport *transport
	events    chan serf.Event
	follower  sync.WaitGroup
	closed    chan struct{}
	close     func() error  // once
	turn      chan struct{} // held by who ends serf: memberlist's Leave panics after its Shutdown
	joining   chan struct{} // held by who joins or leaves: a join that ends after a leave undoes it. Taken under turn.

	mu struct {
		sync.Mutex
		alive map[string]netip.AddrPort
		at    map[netip.AddrPort]string // who was last known at an address, alive or not
		tags  Tags
	}
}

// maxEvents is how many events may wait. serf's own queue of 1,024 empties into this one when nobody reads any more, at
// the end, so that none of its goroutines stays behind.
const maxEvents = 2048

// Open begins to take part. Others are met by Join, or by theirs.
func Open(cfg Config) (*Gossip, error) {
	ks := deriveAll(cfg.Secrets, cfg.Cluster)
	g := &Gossip{cfg: cfg, seal: newSealer(cfg.Advertise, clocksFrom(cfg.Now), ks), events: make(chan serf.Event, maxEvents), closed: make(chan struct{}), turn: make(chan struct{}, 1), joining: make(chan struct{}, 1)}
	g.mu.alive = map[string]netip.AddrPort{cfg.ID: cfg.Advertise}
	g.mu.tags = cfg.Tags
	if len(cfg.Secrets) > 0 {
		g.keyring = newKeyring(ks)
	}
	g.mu.at = map[netip.AddrPort]string{cfg.Advertise: cfg.ID}
	g.transport = newTransport(&g.cfg, g.seal, g.heard)
	var err error
	if g.serf, err = serf.Create(g.serfConfig()); err != nil {
		_ = g.transport.Shutdown()
		return nil, err
	}
	g.close = sync.OnceValue(g.shutdown)
	g.follower.Go(g.follow)
	return g, nil
}

// Accept takes over a stream that another node opened with its Dial.
func (g *Gossip) Accept(conn net.Conn) { g.transport.accept(conn) }

// Join meets nodes at addresses of IP and port, one after the other, and returns how many there were. The error is that of
// the last if there was none. Leave and Close break it off.
func (g *Gossip) Join(addrs []string) (int, error) {
	g.joining <- struct{}{}
	defer func() { <-g.joining }()
	if g.transport.joins.Err() != nil {
		return 0, net.ErrClosed
	}
	return g.serf.Join(addrs, true)
}

// SetMeta changes what this node tells of itself. It returns when others have been told, or after three seconds, where so much is told that it
// is still under way.
func (g *Gossip) SetMeta(meta []byte) error {
	g.mu.Lock()
	g.mu.tags.Meta = append([]byte(nil), meta...)
	g.mu.Unlock()
	var err error
	for range setTries { // with the newest: others may have changed them meanwhile
		tags := g.tags()
		if err = g.serf.SetTags(tags); err == nil || maps.Equal(g.serf.LocalMember().Tags, tags) { // or it is in the queue
			return nil
		}
	}
	return err
}

func (g *Gossip) tags() map[string]string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.mu.tags.encode()
}

// setTries is how often new tags are told. memberlist drops its own news, and waits for them in vain, where it refutes just then what others
// say of this node: that it is dead, as after a restart.
const setTries = 3

// Leave tells the others that this node goes. It waits for that, but not past ctx: Close waits for the rest. A Join that is
// under way may end, so that those whom it meets are told, too, but within leaveTimeout.
func (g *Gossip) Leave(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		g.turn <- struct{}{}
		defer func() { <-g.turn }()
		defer time.AfterFunc(leaveTimeout, g.transport.endJoins).Stop()
		g.joining <- struct{}{}
		defer func() { <-g.joining }()
		if !g.alone() {
			_ = g.serf.Leave() // it fails if it was called before, or Close was
		}
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// alone asks memberlist: what a Join has just learned may not have come here as an event yet.
func (g *Gossip) alone() bool { return g.serf.Memberlist().NumMembers() <= 1 }

// Close ends it. To the others that is a failure unless Leave was called.
func (g *Gossip) Close() error { return g.close() }

func (g *Gossip) shutdown() error {
	g.transport.endJoins()
	g.turn <- struct{}{}
	defer func() { <-g.turn }()
	_ = g.transport.Shutdown()
	g.awaitProbes()
	err := g.serf.Shutdown() // it closes the transport again, which does nothing
	close(g.closed)
	g.follower.Wait()
	return err
}

// awaitProbes waits until no goroutine of memberlist's waits for an answer any more. It does not let them be told to end:
// they last as long as a probe may take, and with the transport closed no new one comes to waiting.
func (g *Gossip) awaitProbes() {
	if t := &g.transport.stats; t.packetsIn.Load()+t.streamsIn.Load()+t.streamsOut.Load() > 0 { // else nobody is known
		slowness := 1 + g.serf.Memberlist().GetHealthScore()
		time.Sleep(time.Duration(min(slowness, mostHealth)) * probeInterval)
	}
}

// heard passes on who is not known: where a node was restarted before it was missed, the others go on as if it knew them.
func (g *Gossip) heard(from net.Addr) {
	a, ok := from.(*net.UDPAddr)
	if !ok || g.cfg.Stranger == nil {
		return
	}
	addr := netip.AddrPortFrom(a.AddrPort().Addr().Unmap(), a.AddrPort().Port())
	g.mu.Lock()
	_, known := g.mu.at[addr]
	g.mu.Unlock()
	if !known {
		g.cfg.Stranger(addr)
	}
}

// lives reports where a node lives, as far as it does.
func (g *Gossip) lives(id string) (netip.AddrPort, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	addr, ok := g.mu.alive[id]
	return addr, ok
}
