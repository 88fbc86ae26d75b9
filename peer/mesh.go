package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/millpond/millpond/peer/internal/gossip"
	"github.com/millpond/millpond/peer/internal/link"
)

// Mesh is this node's place among the others.
type Mesh struct {
	cfg     Config
	opts    Options
	addr    string
	table   *table
	link    *link.Endpoint
	gossip  *gossip.Gossip
	stop    context.CancelFunc // ends what runs in the background
	running sync.WaitGroup
	heard   chan string // of one: where a packet came from, and no member is known
	warned  warned
	close   func() error // once
}

// Open listens and begins to join, which goes on in the background until it works. ctx is for Open alone.
func Open(ctx context.Context, cfg Config, o Options) (*Mesh, error) {
	cfg, badConfig := cfg.complete()
	o, badOptions := o.complete()
	if err := errors.Join(badConfig, badOptions); err != nil {
		return nil, err
	}
	l, packets, err := cfg.Network.Listen(ctx, cfg.Bind)
	if err != nil {
		return nil, fmt.Errorf("peer.Config.Bind: %w", err)
	}
	m := &Mesh{cfg: cfg, opts: o, heard: make(chan string, 1)}
	if err := m.start(ctx, l, packets); err != nil {
		_ = l.Close()
		_ = packets.Close()
		return nil, err
	}
	return m, nil
}

// start begins everything that shutdown ends, over a port that is open.
func (m *Mesh) start(ctx context.Context, l net.Listener, packets net.PacketConn) error {
	addr, err := m.cfg.advertised(ctx, l.Addr())
	if err != nil {
		return err
	}
	m.addr = addr.String()
	m.table = newTable(m.cfg, Member{
		ID: m.opts.ID, Addr: m.addr, Zone: m.cfg.Zone, Rack: m.cfg.Rack, Weight: m.cfg.Weight, Level: m.opts.Level,
		Version: m.opts.Version, Since: time.Now(), Self: true,
	})
	if m.link, err = link.New(m.linkConfig()); err != nil {
		return err
	}
	here := m.cfg.listenHere(ctx, addr, l.Addr())
	if m.gossip, err = gossip.Open(gossip.Config{
		ID: m.opts.ID, Cluster: m.cfg.Cluster, Advertise: addr, Packets: packets, Secrets: m.cfg.secrets(), Now: m.cfg.Now, Logger: m.cfg.Logger,
		Tags:     gossip.Tags{Zone: m.cfg.Zone, Rack: m.cfg.Rack, Weight: m.cfg.Weight, Level: m.opts.Level, Version: m.opts.Version},
		Dial:     m.dialGossip,
		Event:    m.news,
		Stranger: m.stranger,
		Conflict: func(err *SameIDError) { m.refused(err.There.String(), err) },
	}); err != nil {
		if here != nil {
			_ = here.Close()
		}
		return err
	}
	background, stop := context.WithCancel(context.Background())
	m.stop = stop
	m.close = sync.OnceValue(m.shutdown)
	m.running.Go(func() { _ = m.link.Serve(l) }) // it ends with the link
	if here != nil {
		m.running.Go(func() { _ = m.link.Serve(here) })
	}
	m.running.Go(func() { m.table.run(background) })
	m.running.Go(func() { m.checkAddr(background) })
	m.running.Go(func() { m.newJoiner().run(background) })
	return nil
}

func (m *Mesh) linkConfig() link.Config {
	return link.Config{
		ID: m.opts.ID, Cluster: m.cfg.Cluster, Level: m.opts.Level, Handler: serve(m.opts.Handler),
		Dial:     m.cfg.Network.Dial,
		DialHere: m.cfg.dialHere(),
		Resolve:  m.resolve,
		Gossip:   func(_ link.Peer, conn net.Conn) { m.gossip.Accept(conn) },
		Secrets:  m.cfg.secrets(), TLS: m.cfg.TLS, Encrypt: m.cfg.Encrypt,
		Events: link.Events{
			Refused:  func(err *RefusedError) { m.refused(err.Addr, err) },
			Broken:   m.cfg.Events.Broken,
			Corrupt:  m.cfg.Events.Corrupt,
			Connects: m.cfg.Events.Conn,
		},
		Now: m.cfg.Now,
	}
}

func (m *Mesh) dialGossip(ctx context.Context, addr, id string) (net.Conn, error) {
	conn, _, err := m.link.DialGossip(ctx, addr, id)
	return conn, err
}

// resolve is where a node is to be found. One that failed is tried: gossip may be wrong.
func (m *Mesh) resolve(id string) (string, bool) {
	member, ok := m.table.shown.Load().find(id)
	return member.Addr, ok && member.State != Left
}

// news takes news of a member. Connections to one that is gone are closed, so that who waits need not wait any longer.
func (m *Mesh) news(e gossip.Event) {
	m.table.apply(e)
	if e.Kind != gossip.Alive {
		m.link.Forget(e.ID)
	}
}

// stranger hands an address to the joiner, unless that has another one to look at.
func (m *Mesh) stranger(from netip.AddrPort) {
	select {
	case m.heard <- from.String():
	default:
	}
}

// checkAddr calls this node at the address that others are told: if another one answers, that is refused on both sides.
// That nobody answers may be as it should: not every network leads back.
func (m *Mesh) checkAddr(ctx context.Context) {
	if conn, _, err := m.link.DialGossip(ctx, m.addr, m.opts.ID); err == nil {
		_ = conn.Close()
	}
}

// Leave tells the others that this node goes for good, which takes some rounds of gossip, and closes the mesh. If ctx ends
// first Leave returns, and Close waits for the rest.
func (m *Mesh) Leave(ctx context.Context) error {
	if err := m.gossip.Leave(ctx); err != nil {
		return err
	}
	return m.Close()
}

// Close ends all connections and goroutines and waits for them: a fraction of a second, while the last probe of another
// node is out. To the others the node has failed, unless Leave was called. It may be called again.
func (m *Mesh) Close() error { return m.close() }

func (m *Mesh) shutdown() error {
	m.stop()
	var gossiping sync.WaitGroup
	var err error
	gossiping.Go(func() { err = m.gossip.Close() })
	_ = m.link.Close() // it has nothing to say
	m.running.Wait()
	gossiping.Wait()
	return err
}
