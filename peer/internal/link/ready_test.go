package link_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/racetest"
	"github.com/millpond/millpond/peer/internal/link"
)

// readyHandler is a handler that has some reads at hand.
type readyHandler struct {
	handler
	ready func(r *link.BlockRequest, w *link.BlockWriter) bool
}

func (h *readyHandler) ServeReady(_ string, r *link.BlockRequest, w *link.BlockWriter) bool {
	return h.ready(r, w)
}

// TestReadyReads mixes reads that are served at once with others, many at a time, so that their answers share writes.
func TestReadyReads(t *testing.T) {
	m := newMesh(t)
	a := m.add("a", &handler{}, nil)
	block := random(1 << 20)
	var asked, lent, released atomic.Int64
	b := m.add("b", &readyHandler{handler: handler{block: lend(block)}, ready: func(r *link.BlockRequest, w *link.BlockWriter) bool {
		asked.Add(1)
		if r.Off%3 == 0 || r.Length > link.SmallFrame {
			return false
		}
		lent.Add(1)
		if err := w.Lend(block[r.Off:r.Off+r.Length], func() { released.Add(1) }); err != nil {
			t.Errorf("lend: %v", err)
		}
		return true
	}}, nil)
	var all sync.WaitGroup
	for i := range 40 {
		rng := rand.New(rand.NewPCG(1, uint64(i)))
		all.Go(func() {
			for range 100 {
				n, off := 1+rng.IntN(2*link.SmallFrame), rng.IntN(len(block)/2)
				dst := make([]byte, n)
				_, err := a.ReadBlock(t.Context(), "b", link.BlockRequest{Off: int64(off), Length: int64(n)}, [][]byte{dst}, nil)
				if err != nil || !bytes.Equal(block[off:off+n], dst) {
					t.Errorf("%d bytes at %d: %v", n, off, err)
					return
				}
			}
		})
	}
	all.Wait()
	require.Greater(t, lent.Load(), int64(500))
	require.Less(t, lent.Load(), asked.Load())
	require.Equal(t, lent.Load(), released.Load())
	require.Eventually(t, func() bool { return b.Metrics().Serving == 0 }, 10*time.Second, time.Millisecond)
}

// TestLargeReadyReads: to a node of this host they are served at once if they come one at a time.
func TestLargeReadyReads(t *testing.T) {
	m := newMesh(t)
	a := m.add("a", &handler{}, nil)
	block := random(3<<20 + 5)
	goOn, waits := make(chan struct{}), make(chan struct{})
	var ready []int64
	m.add("b", &readyHandler{
		handler: handler{block: func(ctx context.Context, _ string, r *link.BlockRequest, w *link.BlockWriter) error {
			if r.Fill {
				close(waits)
				<-goOn
			}
			return w.Lend(block[r.Off:r.Off+r.Length], nil)
		}},
		ready: func(r *link.BlockRequest, w *link.BlockWriter) bool {
			if r.Fill {
				return false
			}
			ready = append(ready, r.Length)
			b := block[r.Off : r.Off+r.Length]
			if r.Off%(64<<10) == 0 {
				return w.LendSummed(b, sumsOf(b), nil) == nil
			}
			return w.Lend(b, nil) == nil
		},
	}, nil)
	read := func(off, n int, fill bool) {
		dst := make([]byte, n)
		_, err := a.ReadBlock(t.Context(), "b", link.BlockRequest{Off: int64(off), Length: int64(n), Fill: fill}, [][]byte{dst}, nil)
		require.NoError(t, err)
		require.True(t, bytes.Equal(block[off:off+n], dst), "%d bytes at %d", n, off)
	}
	for _, r := range [][2]int{{0, link.MaxReady}, {1, link.MaxReady}, {1 << 20, 300 << 10}, {99, 129 << 10}, {0, link.MaxReady + 1}, {2 << 20, 1<<20 + 5}} {
		read(r[0], r[1], false)
	}
	require.Equal(t, []int64{link.MaxReady, link.MaxReady, 300 << 10, 129 << 10}, ready)
	var all sync.WaitGroup
	all.Go(func() { read(0, 200<<10, true) })
	<-waits
	read(0, 1<<20, false) // another is under way
	close(goOn)
	all.Wait()
	require.Len(t, ready, 4)

	conn, err := a.DialFrames(t.Context(), "b")
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.Write(append(link.ReadFrame(1, 0, link.BlockRequest{Length: 1 << 20}), link.CallFrame(2, 0, 0, "bad", nil)...)) // come together
	require.NoError(t, err)
	closedAfter(t, conn)
	require.Len(t, ready, 4)
}

// Over a network others come while a large read is written; under TLS one end encrypts while the other decrypts.
func TestLargeReadyReadsOfOthers(t *testing.T) {
	block := random(1 << 20)
	small := &readyHandler{handler: handler{block: lend(block)}, ready: func(r *link.BlockRequest, _ *link.BlockWriter) bool {
		if r.Length > link.SmallFrame {
			t.Errorf("%d bytes are served at once", r.Length)
		}
		return false
	}}
	read := func(t *testing.T, a *link.Endpoint) {
		for _, n := range []int{link.SmallFrame, link.SmallFrame + 1, 1 << 20} {
			dst := make([]byte, n)
			_, err := a.ReadBlock(t.Context(), "b", link.BlockRequest{Length: int64(n)}, [][]byte{dst}, nil)
			require.NoError(t, err)
			require.True(t, bytes.Equal(block[:n], dst))
		}
	}
	t.Run("network", func(t *testing.T) {
		bubbletest.Test(t, func(t *testing.T) {
			p := &pipes{ends: map[string]*pipeEnd{}}
			a := p.node(t, "a", &handler{}, nil)
			p.node(t, "b", small, nil)
			read(t, a)
		})
	})
	t.Run("TLS", func(t *testing.T) {
		m := newMesh(t)
		a := m.add("a", &handler{}, both(secrets("s"), encrypt))
		m.add("b", small, both(secrets("s"), encrypt))
		read(t, a)
	})
}

// A large read that is served at once for who does not take it gives back what was lent, soon, or when the node stops.
func TestLargeReadyReadThatNobodyTakes(t *testing.T) {
	for name, stall := range map[string]time.Duration{"stalls": 50 * time.Millisecond, "the node stops": time.Hour} {
		t.Run(name, func(t *testing.T) {
			m := newMesh(t)
			a := m.add("a", &handler{}, nil)
			block := random(1 << 20)
			lent, released := make(chan struct{}), make(chan struct{})
			b := m.add("b", &readyHandler{ready: func(r *link.BlockRequest, w *link.BlockWriter) bool {
				close(lent)
				return w.Lend(block, func() { close(released) }) == nil
			}}, func(c *link.Config) { c.StallTime = stall })
			conn, err := a.DialFrames(t.Context(), "b")
			require.NoError(t, err)
			defer conn.Close()
			require.NoError(t, conn.(interface{ SetReadBuffer(int) error }).SetReadBuffer(16<<10)) // a Unix socket has room for all of it, by reference
			_, err = conn.Write(link.ReadFrame(1, 0, link.BlockRequest{Length: 1 << 20}))
			require.NoError(t, err)
			<-lent
			if stall == time.Hour {
				select {
				case <-released:
					t.Error("all was read by who does not read")
				case <-time.After(50 * time.Millisecond):
				}
				require.NoError(t, b.Close())
			}
			select {
			case <-released:
			case <-time.After(10 * time.Second):
				t.Error("it is still lent")
			}
		})
	}
}

// TestReadyReadThatLendsTooLittle: the caller is told, and the connection goes on.
func TestReadyReadThatLendsTooLittle(t *testing.T) {
	m := newMesh(t)
	a := m.add("a", &handler{}, nil)
	block := random(4 << 10)
	m.add("b", &readyHandler{handler: handler{block: lend(block), call: echo}, ready: func(r *link.BlockRequest, w *link.BlockWriter) bool {
		return w.Lend(block[:r.Length/2], nil) == nil
	}}, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, err := a.ReadBlock(ctx, "b", link.BlockRequest{Length: 1000}, [][]byte{make([]byte, 1000)}, nil)
	var told *link.RemoteError
	require.ErrorAs(t, err, &told)
	require.Contains(t, told.Error(), "500 bytes were given: want 1000")
	got, err := a.Call(ctx, "b", "echo", block)
	require.NoError(t, err)
	require.Equal(t, block, got)
}

// TestSmallReadAllocates little: on both sides together, whose nodes are in this process.
func TestSmallReadAllocates(t *testing.T) {
	if racetest.On {
		t.Skip("the race detector allocates")
	}
	m := newMesh(t)
	a := m.add("a", &handler{}, nil)
	block := random(4 << 10)
	m.add("b", &readyHandler{ready: func(_ *link.BlockRequest, w *link.BlockWriter) bool { return w.Lend(block, nil) == nil }}, nil)
	dst := [][]byte{make([]byte, len(block))}
	read := func(ctx context.Context) func() {
		return func() {
			_, err := a.ReadBlock(ctx, "b", link.BlockRequest{Length: int64(len(block))}, dst, nil)
			require.NoError(t, err)
		}
	}
	require.LessOrEqual(t, testing.AllocsPerRun(1000, read(context.Background())), 2.0)
	require.LessOrEqual(t, testing.AllocsPerRun(1000, read(t.Context())), 5.0) // of which three watch the context
	require.Equal(t, block, dst[0])
}

// TestCancelAfterTheEnd: a cancel that was on its way when the connection ended, of a read that was served at once, is for nothing.
func TestCancelAfterTheEnd(t *testing.T) {
	m := newMesh(t)
	a := m.add("a", &handler{}, nil)
	ended, served := make(chan struct{}), make(chan struct{})
	h := &readyHandler{}
	b := m.add("b", h, nil)
	h.call = func(ctx context.Context, _, _ string, _ []byte) ([]byte, error) {
		<-ctx.Done()
		close(ended)
		return nil, ctx.Err()
	}
	var closing sync.WaitGroup
	h.ready = func(r *link.BlockRequest, w *link.BlockWriter) bool {
		defer close(served)
		closing.Go(func() { b.Close() })
		<-ended
		return w.Lend(make([]byte, r.Length), nil) == nil
	}
	conn, err := a.DialFrames(t.Context(), "b")
	require.NoError(t, err)
	defer conn.Close()
	frames := link.CallFrame(1, 0, xxhash.Sum64(nil), "m", nil)
	frames = append(frames, link.ReadFrame(2, 0, link.BlockRequest{Length: 10})...)
	_, err = conn.Write(append(frames, link.CancelFrame(2)...))
	require.NoError(t, err)
	<-served
	closing.Wait()
	closedAfter(t, conn)
}
