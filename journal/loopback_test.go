package journal_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/journal"
)

// loopback is journal.Peers over TCP on this machine, for benchmarks: a byte says whether a connection is a stream or carries calls,
// each a length and its bytes, one after the other.
type loopback struct {
	id     string
	all    map[string]*loopback
	ln     net.Listener
	server atomic.Pointer[journal.Server]
	pools  sync.Map // id to chan net.Conn
}

func newLoopback(tb testing.TB, ids ...string) map[string]*loopback {
	all := map[string]*loopback{}
	for _, id := range ids {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(tb, err)
		l := &loopback{id: id, all: all, ln: ln}
		all[id] = l
		go l.accept()
		tb.Cleanup(func() { l.close() })
	}
	return all
}

func (l *loopback) close() {
	_ = l.ln.Close()
	l.pools.Range(func(_, pool any) bool {
		for len(pool.(chan net.Conn)) > 0 {
			_ = (<-pool.(chan net.Conn)).Close()
		}
		return true
	})
}

func (l *loopback) accept() {
	for {
		conn, err := l.ln.Accept()
		if err != nil {
			return
		}
		go func() {
			var head [3]byte
			_, err := io.ReadFull(conn, head[:])
			from, server := string(head[1:]), l.server.Load()
			switch {
			case err != nil || server == nil:
				_ = conn.Close()
			case head[0] == 's':
				(*server).ServeStream(from, conn)
			default:
				answer(*server, from, conn)
			}
		}()
	}
}

func answer(s journal.Server, from string, conn net.Conn) {
	defer func() { _ = conn.Close() }()
	for {
		req, err := readFrame(conn)
		if err != nil {
			return
		}
		b, err := s.ServeCall(context.Background(), from, req)
		if err != nil || writeFrame(conn, b) != nil {
			return
		}
	}
}

func readFrame(r io.Reader) ([]byte, error) {
	var n [4]byte
	if _, err := io.ReadFull(r, n[:]); err != nil {
		return nil, err
	}
	b := make([]byte, binary.LittleEndian.Uint32(n[:]))
	_, err := io.ReadFull(r, b)
	return b, err
}

func writeFrame(w io.Writer, b []byte) error {
	_, err := w.Write(append(binary.LittleEndian.AppendUint32(nil, uint32(len(b))), b...))
	return err
}

func (l *loopback) connect(ctx context.Context, id string, kind byte) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", l.all[id].ln.Addr().String())
	if err != nil {
		return nil, errors.Join(journal.ErrNotDelivered, err)
	}
	_, err = conn.Write(append([]byte{kind}, l.id...))
	return conn, err
}

func (l *loopback) Dial(ctx context.Context, id string) (net.Conn, error) {
	return l.connect(ctx, id, 's')
}

func (l *loopback) Call(ctx context.Context, id string, req []byte) ([]byte, error) {
	p, _ := l.pools.LoadOrStore(id, make(chan net.Conn, 16))
	pool := p.(chan net.Conn)
	var conn net.Conn
	select {
	case conn = <-pool:
	default:
		var err error
		if conn, err = l.connect(ctx, id, 'c'); err != nil {
			return nil, err
		}
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	b, err := []byte(nil), writeFrame(conn, req)
	if err == nil {
		b, err = readFrame(conn)
	}
	if !stop() || err != nil {
		_ = conn.Close()
		return nil, errors.Join(err, ctx.Err())
	}
	select {
	case pool <- conn:
	default:
		_ = conn.Close()
	}
	return b, nil
}

func (l *loopback) Members() (out []journal.Member) {
	for id := range l.all {
		out = append(out, journal.Member{ID: id, Alive: true, Meta: l.all[id].meta()})
	}
	return out
}

var metas sync.Map // what each loopback has announced

func (l *loopback) meta() []byte {
	if m, ok := metas.Load(l); ok {
		return m.([]byte)
	}
	return nil
}

func (l *loopback) Announce(meta []byte) error { metas.Store(l, meta); return nil }
func (l *loopback) Changed() <-chan struct{}   { return nil }
func (l *loopback) Serve(s journal.Server)     { l.server.Store(&s) }

// BenchmarkThreeNodes is goal 15's second line: durable changes a second by 64 callers on one machine, three nodes over loopback,
// through the primary, through another node, and through all of them.
func BenchmarkThreeNodes(b *testing.B) {
	ids := []string{"n1", "n2", "n3"}
	peers := newLoopback(b, ids...)
	var nodes []*journal.Journal
	for _, id := range ids {
		j, _ := open(b, journal.Config{
			Dir: filepath.Join(b.TempDir(), id), NodeID: id, Peers: peers[id], JoinSource: true, BootstrapWait: 300 * time.Millisecond,
			CheckpointEvery: 1 << 40,
		})
		nodes = append(nodes, j)
	}
	voters := func() (n int) {
		rs, err := nodes[0].Replicas(b.Context())
		require.NoError(b, err)
		for _, r := range rs {
			if r.Role != journal.RoleLearner {
				n++
			}
		}
		return n
	}
	for voters() < 3 {
		<-time.After(50 * time.Millisecond)
	}
	alone, _ := open(b, journal.Config{Dir: b.TempDir(), CheckpointEvery: 1 << 40})
	cmd := []byte("add " + string(make([]byte, 100)))
	through := func(js ...*journal.Journal) func() error {
		var turn atomic.Uint64
		return func() error {
			_, _, err := js[turn.Add(1)%uint64(len(js))].Propose(b.Context(), journal.OpID{}, cmd)
			return err
		}
	}
	var primary, other *journal.Journal
	for _, j := range nodes {
		if j.Primary() {
			primary = j
		} else {
			other = j
		}
	}
	for _, callers := range []int{1, 64} {
		for name, propose := range map[string]func() error{
			"primary": through(primary), "other": through(other), "all": through(nodes...),
		} {
			b.Run(fmt.Sprintf("callers=%d/%s", callers, name), func(b *testing.B) {
				var ours, single float64
				for range 3 {
					ours = max(ours, rate(b, callers, propose))
					single = max(single, rate(b, callers, through(alone)))
				}
				for b.Loop() {
					require.NoError(b, propose())
				}
				b.ReportMetric(ours, "changes/s")
				b.ReportMetric(single, "alone/s")
				b.ReportMetric(ours/single, "ratio")
			})
		}
	}
}
