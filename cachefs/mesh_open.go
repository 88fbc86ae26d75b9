package cachefs

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/journal"
	"github.com/millpond/millpond/peer"
	"github.com/millpond/millpond/tier"
)

// openMesh joins the other nodes, before the journal looks for them. Without Config.Mesh it does nothing.
func (n *Node) openMesh(ctx context.Context) (err error) {
	if n.cfg.Mesh == nil {
		return nil
	}
	j := &n.cfg.Journal
	j.Peers = journalPeers{n}
	if n.id, err = journal.Identify(*j); err != nil {
		return n.cfg.aboutJournal(err)
	}
	n.lease = newLease(n.id)
	c := *n.cfg.Mesh
	if c.Weight == 0 {
		c.Weight = n.weight()
	}
	if c.Logger == nil {
		c.Logger = n.log
	}
	n.door = &door{n: n}
	if j.Level == 0 {
		j.Level = namespace.MaxLevel
	}
	m, err := peer.Open(ctx, c, peer.Options{ID: n.id, Level: j.Level, Handler: n.door})
	if err != nil {
		return err
	}
	n.peers = m
	n.mesh = newMesh(n, m)
	n.nodes = others{n}
	j.NodeID, j.JoinSource = n.id, len(c.Join) > 0 || c.JoinFunc != nil
	return nil
}

// weight is this node's share of blocks: MiB of its tiers.
func (n *Node) weight() uint32 {
	var size int64
	for _, t := range n.cfg.Tiers {
		quotas := int64(0)
		for _, d := range t.Dirs {
			quotas += d.Quota
		}
		size += max(t.Size, quotas)
	}
	return uint32(min(max(size>>20, 1), 1<<31))
}

// leaveTime bounds the good-bye where Shutdown's context would let it take longer: some rounds of gossip.
const leaveTime = 5 * time.Second

// closeMesh says good-bye, if ctx lets it, and ends all connections.
func (n *Node) closeMesh(ctx context.Context) error {
	if n.peers == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, leaveTime)
	defer cancel()
	if err := n.peers.Leave(ctx); err != nil {
		n.log.Debug("the other nodes were not told that this one leaves", "err", err)
	}
	return n.peers.Close()
}

// door is where others' requests come in, from before the layers are open until after they are closed.
type door struct {
	n       *Node
	open    atomic.Bool // tiers and journal are
	journal atomic.Pointer[journal.Server]
}

const (
	callJournal   = "journal"
	streamJournal = "journal"
)

var errNotOpen = errors.New("the node is not open yet, or closes")

func (d *door) ServeBlock(ctx context.Context, from string, r *peer.BlockRequest, w *peer.BlockWriter) error {
	switch {
	case !d.open.Load():
		return errNotOpen
	case peer.IsClient(from):
		return d.n.serveClientBlock(ctx, from, r, w)
	}
	return d.n.mesh.serveBlock(ctx, from, r, w)
}

// ServeReady is ServeBlock for what lies in memory, or in a file and the page cache.
func (d *door) ServeReady(from string, r *peer.BlockRequest, w *peer.BlockWriter) bool {
	return d.open.Load() && !peer.IsClient(from) && d.n.mesh.serveReady(from, r, w)
}

func (d *door) ServeCall(ctx context.Context, from, method string, req []byte) ([]byte, error) {
	switch s := d.journal.Load(); {
	case method == callJournal && s != nil && !peer.IsClient(from):
		return (*s).ServeCall(ctx, from, req)
	case method == callJournal || !d.open.Load():
		return nil, errNotOpen
	case peer.IsClient(from):
		return d.n.serveClient(ctx, method, req)
	}
	return d.n.serve(ctx, from, method, req)
}

func (d *door) ServeStream(from, proto string, conn net.Conn) {
	s := d.journal.Load()
	switch {
	case peer.IsClient(from) && d.open.Load():
		d.n.serveClientStream(proto, conn)
	case !peer.IsClient(from) && proto == streamJournal && s != nil:
		(*s).ServeStream(from, conn)
	default:
		_ = conn.Close()
	}
}

// others are the members of the mesh, as changes see them.
type others struct{ n *Node }

func (o others) members() []member {
	all := o.n.mesh.p.Members()
	list := make([]member, len(all))
	for i, p := range all {
		list[i] = member{id: p.ID, alive: p.State == peer.Alive, since: p.Since, site: site{p.Zone, p.Rack}}
		list[i].run, _ = parseMeta(p.Meta)
	}
	return list
}

func (o others) changed() <-chan struct{} { return o.n.mesh.p.Changed() }

func (o others) call(ctx context.Context, to, method string, req []byte) ([]byte, error) {
	return o.n.mesh.p.Call(ctx, to, method, req)
}

func (o others) callLong(ctx context.Context, to, method string, req []byte) ([]byte, error) {
	return o.n.mesh.p.CallLong(ctx, to, method, req)
}

func (o others) pull(ctx context.Context, from string, id tier.BlockID, length int64, w *tier.Writer) error {
	m := o.n.mesh
	a := ask{peer: from, only: true}
	p := &part{id: id, length: length, at: w.Len(), end: length, to: w}
	_, err := m.ask(ctx, p, a, nil)
	if err != nil && ctx.Err() == nil {
		m.asked(id, a, err)
	}
	return err
}

func (o others) successors(key [20]byte, n int) []string {
	return o.n.mesh.owners(nil, key, n)
}

// journalPeers are the members of the mesh, as the journal sees them.
type journalPeers struct{ n *Node }

func (p journalPeers) Members() []journal.Member {
	all := p.n.peers.Members()
	list := make([]journal.Member, len(all))
	for i, m := range all {
		list[i] = journal.Member{
			ID: m.ID, Alive: m.State == peer.Alive, Left: m.State == peer.Left, Zone: m.Zone, Since: m.Since, Level: m.Level,
		}
		_, list[i].Meta = parseMeta(m.Meta)
	}
	return list
}

func (p journalPeers) Changed() <-chan struct{} { return p.n.peers.Changed() }

func (p journalPeers) Dial(ctx context.Context, id string) (net.Conn, error) {
	return p.n.peers.Dial(ctx, id, streamJournal)
}

func (p journalPeers) Call(ctx context.Context, id string, req []byte) ([]byte, error) {
	answer, err := p.n.peers.Call(ctx, id, callJournal, req)
	if errors.Is(err, peer.ErrUnreachable) {
		err = fmt.Errorf("%w: %w", journal.ErrNotDelivered, err)
	}
	return answer, err
}

// Announce tells the others of the journal's state, and which run of the node this is.
func (p journalPeers) Announce(meta []byte) error {
	return p.n.peers.SetMeta(append(p.n.lease[:len(p.n.lease):len(p.n.lease)], meta...))
}

// parseMeta takes apart what Announce put together.
func parseMeta(b []byte) (run [16]byte, journal []byte) {
	if len(b) < len(run) {
		return run, nil
	}
	return [16]byte(b), b[len(run):]
}

func (p journalPeers) Serve(s journal.Server) { p.n.door.journal.Store(&s) }
