package gossip

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"
)

// maxStreams is how many streams others may have open here. memberlist refuses more exchanges of state than 128.
const maxStreams = 256

// transport carries memberlist's packets and streams.
type transport struct {
	cfg      *Config
	seal     *sealer
	heard    func(from net.Addr) // of each packet that was taken
	packets  chan *memberlist.Packet
	streams  chan net.Conn
	stats    stats
	ctx      context.Context // ends with Shutdown
	stop     context.CancelFunc
	joins    context.Context    // ends sooner, with endJoins
	endJoins context.CancelFunc // breaks off what Join waits for, and whatever it tries later
	reader   sync.WaitGroup

	mu struct {
		sync.Mutex
		live     map[*stream]struct{} // in both directions: closed by Shutdown
		accepted int
		closed   bool
	}
}

// stats count what passes.
type stats struct {
	packetsIn, packetsOut, bytesIn, bytesOut, refused, replayed, streamsIn, streamsOut atomic.Int64
}

func newTransport(cfg *Config, seal *sealer, heard func(net.Addr)) *transport {
	t := &transport{
		cfg:     cfg,
		seal:    seal,
		heard:   heard,
		packets: make(chan *memberlist.Packet),
		streams: make(chan net.Conn),
	}
	t.ctx, t.stop = context.WithCancel(context.Background())
	t.joins, t.endJoins = context.WithCancel(t.ctx)
	t.mu.live = map[*stream]struct{}{}
	t.reader.Go(t.read)
	return t
}

// read takes packets until the socket is closed.
func (t *transport) read() {
	buf := make([]byte, 64<<10)
	for {
		n, from, err := t.cfg.Packets.ReadFrom(buf)
		now := time.Now()
		if err != nil {
			if !t.pause() {
				return
			}
			continue
		}
		t.stats.packetsIn.Add(1)
		t.stats.bytesIn.Add(int64(n))
		payload, err := t.seal.open(buf[:n])
		if err != nil {
			t.refuse(err)
			continue
		}
		t.heard(from)
		select {
		case t.packets <- &memberlist.Packet{Buf: append([]byte(nil), payload...), From: from, Timestamp: now}:
		case <-t.ctx.Done():
			return
		}
	}
}

// pause lets some time pass after an error of the socket, an ICMP answer for example; false: there is nothing to wait for.
func (t *transport) pause() bool {
	select {
	case <-t.ctx.Done():
		return false
	case <-time.After(10 * time.Millisecond):
		return true
	}
}

func (t *transport) refuse(err error) {
	if err == errReplay {
		t.stats.replayed.Add(1)
	} else {
		t.stats.refused.Add(1)
	}
}

// WriteToAddress sends a packet. One that is not sent is one that is lost.
func (t *transport) WriteToAddress(b []byte, a memberlist.Address) (time.Time, error) {
	to, err := netip.ParseAddrPort(a.Addr)
	if err != nil {
		return time.Time{}, err
	}
	if t.ctx.Err() != nil {
		return time.Time{}, net.ErrClosed // and not a net.OpError: memberlist would take that for the other's fault
	}
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	sealed := t.seal.seal(b, to)
	t.stats.packetsOut.Add(1)
	t.stats.bytesOut.Add(int64(len(sealed)))
	_, err = t.cfg.Packets.WriteTo(sealed, net.UDPAddrFromAddrPort(to))
	return time.Now(), err
}

func (t *transport) WriteTo(b []byte, addr string) (time.Time, error) {
	return t.WriteToAddress(b, memberlist.Address{Addr: addr})
}

func (t *transport) PacketCh() <-chan *memberlist.Packet { return t.packets }
func (t *transport) StreamCh() <-chan net.Conn           { return t.streams }

// DialAddressTimeout opens a stream; Name is the node that is expected there, which only Join does not know.
func (t *transport) DialAddressTimeout(a memberlist.Address, timeout time.Duration) (net.Conn, error) {
	life := t.ctx
	if a.Name == "" {
		life = t.joins
	}
	ctx, cancel := context.WithTimeout(life, timeout)
	defer cancel()
	conn, err := t.cfg.Dial(ctx, a.Addr, a.Name)
	if err != nil {
		return nil, err
	}
	t.stats.streamsOut.Add(1)
	s, err := t.keep(conn, false)
	if err != nil {
		return nil, err
	}
	s.outlives = context.AfterFunc(life, func() { _ = conn.Close() })
	return s, nil
}

func (t *transport) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	return t.DialAddressTimeout(memberlist.Address{Addr: addr}, timeout)
}

// accept takes a stream that another node opened.
func (t *transport) accept(conn net.Conn) {
	s, err := t.keep(conn, true)
	if err != nil {
		return
	}
	t.stats.streamsIn.Add(1)
	select {
	case t.streams <- s:
	case <-t.ctx.Done():
		_ = s.Close()
	}
}

// keep notes a stream until it is closed. One that is too many is closed at once.
func (t *transport) keep(conn net.Conn, accepted bool) (*stream, error) {
	s := &stream{Conn: conn, t: t, accepted: accepted}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mu.closed || accepted && t.mu.accepted >= maxStreams {
		_ = conn.Close()
		return nil, net.ErrClosed
	}
	t.mu.live[s] = struct{}{}
	if accepted {
		t.mu.accepted++
	}
	return s, nil
}

// stream is one that the transport closes when it ends.
type stream struct {
	net.Conn
	t        *transport
	accepted bool
	outlives func() bool // of one that was dialled: what ends it need not any more
}

func (s *stream) Close() error {
	if s.outlives != nil {
		s.outlives()
	}
	s.t.mu.Lock()
	if _, live := s.t.mu.live[s]; live {
		delete(s.t.mu.live, s)
		if s.accepted {
			s.t.mu.accepted--
		}
	}
	s.t.mu.Unlock()
	return s.Conn.Close()
}

func (t *transport) FinalAdvertiseAddr(string, int) (net.IP, int, error) {
	return t.cfg.Advertise.Addr().AsSlice(), int(t.cfg.Advertise.Port()), nil
}

// Shutdown closes the socket and all streams, and waits for the reader. Whatever is tried after it fails.
func (t *transport) Shutdown() error {
	t.mu.Lock()
	if t.mu.closed {
		t.mu.Unlock()
		return nil
	}
	live := t.mu.live
	t.mu.live, t.mu.closed = nil, true
	t.mu.Unlock()
	t.stop()
	_ = t.cfg.Packets.Close() // nothing that was sent is still with it
	for s := range live {
		_ = s.Conn.Close()
	}
	t.reader.Wait()
	return nil
}
