package link_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/piece"
	"github.com/millpond/millpond/peer/internal/link"
)

// handler serves by funcs; those that are nil refuse.
type handler struct {
	block  func(ctx context.Context, from string, r *link.BlockRequest, w *link.BlockWriter) error
	call   func(ctx context.Context, from, method string, req []byte) ([]byte, error)
	stream func(from, proto string, conn net.Conn)
}

func (h *handler) ServeBlock(ctx context.Context, from string, r *link.BlockRequest, w *link.BlockWriter) error {
	if h.block == nil {
		return link.ErrMissing
	}
	return h.block(ctx, from, r, w)
}

func (h *handler) ServeCall(ctx context.Context, from, method string, req []byte) ([]byte, error) {
	if h.call == nil {
		return nil, errors.New("no such method")
	}
	return h.call(ctx, from, method, req)
}

func (h *handler) ServeStream(from, proto string, conn net.Conn) {
	if h.stream == nil {
		conn.Close()
		return
	}
	h.stream(from, proto, conn)
}

// mesh is some endpoints on loopback that find each other by their ids.
type mesh struct {
	t     testing.TB
	mu    sync.Mutex
	addrs map[string]string
}

func newMesh(t testing.TB) *mesh { return &mesh{t: t, addrs: map[string]string{}} }

func (m *mesh) resolve(id string) (string, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, ok := m.addrs[id]
	return a, ok
}

// add starts an endpoint; set, which may be nil, changes its Config.
func (m *mesh) add(id string, h link.Handler, set func(*link.Config)) *link.Endpoint {
	m.t.Helper()
	cfg := link.Config{ID: id, Cluster: "test", Handler: h, Resolve: m.resolve}
	if set != nil {
		set(&cfg)
	}
	if cfg.Dial == nil {
		cfg.Dial = dialTCP
		if *overUnix && cfg.DialHere == nil {
			cfg.DialHere = dialUnix
		}
	}
	e, err := link.New(cfg)
	require.NoError(m.t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(m.t, err)
	m.serve(e, l)
	if *overUnix {
		here, err := net.Listen("unix", unixName(l.Addr().String()))
		require.NoError(m.t, err)
		m.serve(e, here)
	}
	m.mu.Lock()
	m.addrs[id] = l.Addr().String()
	m.mu.Unlock()
	return e
}

func dialTCP(ctx context.Context, addr string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "tcp", addr)
}

// serve has e serve l until the test ends, and then closes e.
func (m *mesh) serve(e *link.Endpoint, l net.Listener) {
	served := make(chan error, 1)
	go func() { served <- e.Serve(l) }()
	m.t.Cleanup(func() {
		require.NoError(m.t, e.Close())
		require.ErrorIs(m.t, <-served, link.ErrClosed)
	})
}

func random(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(n)})
	r.Read(b)
	return b
}

// lend serves ranges of b from memory.
func lend(b []byte) func(context.Context, string, *link.BlockRequest, *link.BlockWriter) error {
	return func(_ context.Context, _ string, r *link.BlockRequest, w *link.BlockWriter) error {
		return w.Lend(b[r.Off:r.Off+r.Length], nil)
	}
}

func TestCall(t *testing.T) {
	m := newMesh(t)
	a := m.add("a", &handler{}, nil)
	m.add("b", &handler{call: func(_ context.Context, from, method string, req []byte) ([]byte, error) {
		return fmt.Appendf(nil, "%s %s %d", from, method, len(req)), nil
	}}, nil)
	for _, n := range []int{0, 1, 1 << 10, 1<<10 + 1, 200 << 10, link.MaxCall} {
		got, err := a.Call(t.Context(), "b", "greet", random(n))
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("a greet %d", n), string(got))
	}
}

func TestReadBlockFromMemory(t *testing.T) {
	m := newMesh(t)
	a := m.add("a", &handler{}, nil)
	block := random(5<<20 + 123)
	m.add("b", &handler{block: lend(block)}, nil)
	for _, r := range []struct{ off, n int }{{0, 0}, {0, 1}, {0, 4 << 10}, {10, 64 << 10}, {64<<10 - 1, 2}, {0, len(block)}, {12345, 3 << 20}, {len(block) - 1, 1}} {
		dst := make([]byte, r.n)
		var told []int64
		_, err := a.ReadBlock(t.Context(), "b", link.BlockRequest{Off: int64(r.off), Length: int64(r.n)},
			[][]byte{dst[:r.n/3], nil, dst[r.n/3:]}, func(n int64) { told = append(told, n) })
		require.NoError(t, err)
		require.True(t, bytes.Equal(block[r.off:r.off+r.n], dst))
		if r.n > 0 {
			require.IsIncreasing(t, append([]int64{0}, told...))
			require.EqualValues(t, r.n, told[len(told)-1])
		}
	}
}

func TestReadBlockFromFile(t *testing.T) {
	m := newMesh(t)
	a := m.add("a", &handler{}, nil)
	block := random(3<<20 + 999)
	path := filepath.Join(t.TempDir(), "block")
	require.NoError(t, os.WriteFile(path, append([]byte("front"), block...), 0o600))
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	sums := sumsOf(block)
	m.add("b", &handler{block: func(_ context.Context, _ string, r *link.BlockRequest, w *link.BlockWriter) error {
		return w.SendFile(f, 5+r.Off, r.Length, sums[r.Off/(64<<10):])
	}}, nil)
	for _, off := range []int{0, 64 << 10, 1 << 20, 3 << 20} {
		dst := make([]byte, len(block)-off)
		_, err := a.ReadBlock(t.Context(), "b", link.BlockRequest{Off: int64(off), Length: int64(len(dst))}, [][]byte{dst}, nil)
		require.NoError(t, err)
		require.True(t, bytes.Equal(block[off:], dst))
	}
	at, err := f.Seek(0, io.SeekCurrent)
	require.NoError(t, err)
	require.Zero(t, at, "the file's own offset is moved")
}

func TestReadBlockWithSumsThatAreKept(t *testing.T) {
	m := newMesh(t)
	a := m.add("a", &handler{}, nil)
	block := random(3<<20 + 999)
	kept, wrong := sumsOf(block), sumsOf(block)
	wrong[30]++
	m.add("b", &handler{block: func(_ context.Context, _ string, r *link.BlockRequest, w *link.BlockWriter) error {
		sums := kept
		if r.Key[0] == 1 {
			sums = wrong
		}
		half := r.Length / 2 &^ (64<<10 - 1)
		if err := w.LendSummed(block[:half], sums[:half>>16], nil); err != nil {
			return err
		}
		return w.LendSummed(block[half:], sums[half>>16:], nil)
	}}, nil)
	read := func(key link.Key) error {
		dst := make([]byte, len(block))
		_, err := a.ReadBlock(t.Context(), "b", link.BlockRequest{Key: key, Length: int64(len(dst))}, [][]byte{dst}, nil)
		if err == nil {
			require.True(t, bytes.Equal(block, dst))
		}
		return err
	}
	require.NoError(t, read(link.Key{}))
	require.ErrorIs(t, read(link.Key{1}), link.ErrChecksum)
}

// TestSumsOfWhatComesInParts: a node that sends a block as it arrives there ends its frames within pieces, whose sums are then
// not those of the pieces.
func TestSumsOfWhatComesInParts(t *testing.T) {
	m := newMesh(t)
	a := m.add("a", &handler{}, nil)
	block := random(3<<20 + 999)
	m.add("b", &handler{block: func(_ context.Context, _ string, r *link.BlockRequest, w *link.BlockWriter) error {
		rng := rand.New(rand.NewPCG(uint64(r.Off), uint64(r.Length)))
		for b := block[r.Off : r.Off+r.Length]; len(b) > 0; {
			n := min(len(b), 1+rng.IntN(300<<10))
			if rng.IntN(2) == 0 {
				n = min(len(b), 64<<10)
			}
			if _, err := w.Write(b[:n]); err != nil {
				return err
			}
			b = b[n:]
		}
		return nil
	}}, nil)
	rng := rand.New(rand.NewPCG(1, 2))
	known, all := 0, 0
	for range 50 {
		off := rng.IntN(len(block))
		if rng.IntN(2) == 0 {
			off &^= 64<<10 - 1
		}
		n := 1 + rng.IntN(len(block)-off)
		r := link.BlockRequest{Off: int64(off), Length: int64(n), Sums: make([]uint64, (off+n-1)>>16-off>>16+1)}
		_, err := a.ReadBlock(t.Context(), "b", r, [][]byte{make([]byte, n)}, nil)
		require.NoError(t, err)
		for i, got := range r.Sums {
			if all++; got != 0 {
				known++
				from := (off>>16 + i) << 16
				require.Equal(t, piece.Sum(block[max(off, from):min(off+n, from+64<<10)]), got)
			}
		}
	}
	require.Greater(t, known, all/4)
	require.Less(t, known, all, "no piece came in parts")
}

// sumsOf are the sums of a block's pieces.
func sumsOf(block []byte) (sums []uint64) {
	for p := range slices.Chunk(block, 64<<10) {
		sums = append(sums, piece.Sum(p))
	}
	return sums
}

func TestDialStream(t *testing.T) {
	m := newMesh(t)
	a := m.add("a", &handler{}, nil)
	m.add("b", &handler{stream: func(from, proto string, conn net.Conn) {
		fmt.Fprintf(conn, "%s %s", from, proto)
		conn.Close()
	}}, nil)
	conn, err := a.Dial(t.Context(), "b", "raft")
	require.NoError(t, err)
	defer conn.Close()
	b, err := io.ReadAll(conn)
	require.NoError(t, err)
	require.Equal(t, "a raft", string(b))
}
