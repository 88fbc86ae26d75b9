package link_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/piece"
	"github.com/millpond/millpond/peer/internal/link"
)

// A reader that stops reading holds up nobody else, and loses its connection after StallTime; what was lent to it comes back.
func TestSlowReaderHoldsUpNobody(t *testing.T) {
	m := newMesh(t)
	a := m.add("a", &handler{}, nil)
	slow := m.add("slow", &handler{}, nil)
	block := random(8 << 20)
	var lent, released atomic.Int64
	var there recorder
	m.add("b", &handler{block: func(_ context.Context, _ string, r *link.BlockRequest, w *link.BlockWriter) error {
		lent.Add(1)
		return w.Lend(block[:r.Length], func() { released.Add(1) })
	}}, both(there.set, func(c *link.Config) { c.StallTime = 500 * time.Millisecond }))
	conn, err := slow.DialFrames(t.Context(), "b")
	require.NoError(t, err)
	defer conn.Close()
	for i := range 10 {
		_, err := conn.Write(link.ReadFrame(uint64(i+1), 0, link.BlockRequest{Length: int64(len(block))}))
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool { return lent.Load() == 10 }, 5*time.Second, time.Millisecond)
	dst := make([]byte, 1<<20)
	for range 20 {
		_, err := a.ReadBlock(t.Context(), "b", link.BlockRequest{Length: int64(len(dst))}, [][]byte{dst}, nil)
		require.NoError(t, err)
	}
	there.see(t, "the slow reader keeps its connection", func() bool { return there.ended == 1 })
	require.EqualValues(t, lent.Load(), released.Load())
}

// However many requests of a connection wait for a reader that does not read, two of them have bytes at hand; the others leave their turn
// when they are called off, and all bytes come back.
func TestFewHaveBytesAtHand(t *testing.T) {
	for _, encrypt := range []bool{false, true} {
		m := newMesh(t)
		secure := func(c *link.Config) { c.Secrets, c.Encrypt = []string{"secret"}, encrypt }
		slow := m.add("slow", &handler{}, secure)
		reader := m.add("a", &handler{}, secure)
		block := make([]byte, 64<<20) // more than any system buffers
		var asked, lent, released, left atomic.Int64
		m.add("b", &handler{block: func(_ context.Context, _ string, r *link.BlockRequest, w *link.BlockWriter) error {
			asked.Add(1)
			defer left.Add(1)
			return w.InTurn(func() error {
				lent.Add(1)
				return w.Lend(block[:r.Length], func() { released.Add(1) })
			})
		}}, both(secure, func(c *link.Config) { c.StallTime = time.Second }))
		const before = 3 // the places are given back
		for range before {
			_, err := reader.ReadBlock(t.Context(), "b", link.BlockRequest{Length: 1}, [][]byte{make([]byte, 1)}, nil)
			require.NoError(t, err)
		}
		conn, err := slow.DialFrames(t.Context(), "b")
		require.NoError(t, err)
		defer conn.Close()
		see := func(what string, cond func() bool) {
			require.Eventually(t, cond, 5*time.Second, time.Millisecond, what)
		}
		for i := range link.Requests {
			_, err := conn.Write(link.ReadFrame(uint64(i+1), 0, link.BlockRequest{Length: int64(len(block))}))
			require.NoError(t, err)
			if i == 1 { // their ends go with their bytes, so that their handlers are through
				see("two are lent", func() bool { return left.Load() == before+2 })
			}
		}
		see("all are asked for", func() bool { return asked.Load() == before+link.Requests })
		_, err = conn.Write(link.CancelFrame(link.Requests))
		require.NoError(t, err)
		see("the last one is called off", func() bool { return left.Load() == before+3 })
		require.EqualValues(t, before+2, lent.Load())
		see("all come back", func() bool { return left.Load() == before+link.Requests && released.Load() == lent.Load() })
	}
}

// Requests that find all connections full, while the node takes no more of them, do not dial without pause.
func TestFullConnectionsAreNoReasonToDialWithoutPause(t *testing.T) {
	m := newMesh(t)
	a := m.add("a", &handler{}, nil)
	m.add("b", &handler{block: func(ctx context.Context, from string, r *link.BlockRequest, w *link.BlockWriter) error {
		if r.Off > 0 {
			return served(ctx, from, r, w)
		}
		<-ctx.Done()
		return ctx.Err()
	}}, nil)
	_, err := a.ReadBlock(t.Context(), "b", link.BlockRequest{Off: 1, Length: 1}, [][]byte{make([]byte, 1)}, nil)
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var dials atomic.Int64
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			dials.Add(1)
			conn.Close()
		}
	})
	m.mu.Lock()
	m.addrs["b"] = l.Addr().String()
	m.mu.Unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	var reads sync.WaitGroup
	for range link.Requests + 10 {
		reads.Go(func() {
			_, err := a.ReadBlock(ctx, "b", link.BlockRequest{Length: 1}, [][]byte{make([]byte, 1)}, nil)
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		})
	}
	reads.Wait()
	l.Close()
	all.Wait()
	require.EqualValues(t, 1, dials.Load())
}

func TestManyAtOnce(t *testing.T) {
	m := newMesh(t)
	var here recorder
	a := m.add("a", &handler{}, here.set)
	block := random(4 << 20)
	m.add("b", &handler{block: lend(block), call: echo}, nil)
	var all sync.WaitGroup
	for i := range 300 {
		all.Go(func() {
			n := []int{100, 4 << 10, 100 << 10, 2 << 20}[i%4]
			off := i * 1000
			dst := make([]byte, n)
			_, err := a.ReadBlock(t.Context(), "b", link.BlockRequest{Off: int64(off), Length: int64(n)}, [][]byte{dst}, nil)
			if err != nil || !bytes.Equal(dst, block[off:off+n]) {
				t.Error(i, err)
			}
			body := block[off : off+n]
			got, err := a.Call(t.Context(), "b", "echo", body)
			if err != nil || !bytes.Equal(got, body) {
				t.Error(i, err)
			}
		})
	}
	all.Wait()
	here.see(t, "connections", func() bool { return here.begun > 2 && here.begun <= 20 })
}

func TestHandlersErrors(t *testing.T) {
	m := newMesh(t)
	a := m.add("a", &handler{}, nil)
	coded := &link.RemoteError{Code: 42, Text: "no primary"}
	answers := []error{nil, fmt.Errorf("block 7: %w", link.ErrMissing), coded, context.DeadlineExceeded, errors.New(string(make([]byte, 10<<10)))}
	m.add("b", &handler{
		block: func(_ context.Context, _ string, r *link.BlockRequest, w *link.BlockWriter) error {
			if give := int(r.Key[1]); give > 0 {
				if err := w.Lend(make([]byte, give), nil); err != nil {
					return err
				}
			}
			return answers[r.Key[0]]
		},
		call: func(_ context.Context, _, method string, _ []byte) ([]byte, error) {
			return make([]byte, link.MaxCall+1), answers[method[0]]
		},
	}, nil)
	read := func(answer, give byte) error {
		_, err := a.ReadBlock(t.Context(), "b", link.BlockRequest{Key: link.Key{answer, give}, Length: 100}, [][]byte{make([]byte, 100)}, nil)
		return err
	}
	call := func(answer byte) error { _, err := a.Call(t.Context(), "b", string([]byte{answer}), nil); return err }

	require.ErrorIs(t, read(1, 0), link.ErrMissing)
	require.ErrorIs(t, call(1), link.ErrMissing)
	for _, err := range []error{read(2, 0), call(2)} {
		remote, ok := errors.AsType[*link.RemoteError](err)
		require.True(t, ok)
		require.Equal(t, *coded, *remote)
	}
	require.NotErrorIs(t, call(3), context.DeadlineExceeded, "the caller gave no deadline")
	require.EqualError(t, call(3), "context deadline exceeded")
	require.Len(t, call(4).Error(), 4<<10)
	require.ErrorIs(t, call(0), link.ErrTooLarge)
	require.EqualError(t, read(0, 0), "0 bytes were given: want 100")
	require.EqualError(t, read(0, 60), "60 bytes were given: want 100")
	require.EqualError(t, read(0, 101), "101 bytes after 0: want 100 in all")
	require.NoError(t, read(0, 100))
}

func TestWhatIsTooLargeIsNotSent(t *testing.T) {
	m := newMesh(t)
	a := m.add("a", &handler{}, nil)
	_, err := a.Call(t.Context(), "b", "m", make([]byte, link.MaxCall+1))
	require.ErrorIs(t, err, link.ErrTooLarge)
	_, err = a.ReadBlock(t.Context(), "b", link.BlockRequest{Length: 1, Hint: make([]byte, link.MaxHint+1)}, [][]byte{{0}}, nil)
	require.ErrorIs(t, err, link.ErrTooLarge)
	_, err = a.ReadBlock(t.Context(), "b", link.BlockRequest{Length: 2}, [][]byte{{0}}, nil)
	require.ErrorContains(t, err, "read of 2 bytes into 1")
}

// Bytes of a fill go out as they come, whatever the pieces; they are told of as whole pieces are there.
func TestFillThatArrives(t *testing.T) {
	m := newMesh(t)
	a := m.add("a", &handler{}, nil)
	block := random(150_000)
	step := make(chan struct{})
	m.add("b", &handler{block: func(_ context.Context, _ string, r *link.BlockRequest, w *link.BlockWriter) error {
		w.Holders([]string{"c"})
		rest := block[r.Off:]
		for len(rest) > 0 {
			n, err := w.Write(rest[:min(50_000, len(rest))])
			if err != nil {
				return err
			}
			rest = rest[n:]
			<-step
		}
		return nil
	}}, nil)
	arrived := make(chan int64, 10)
	dst := make([]byte, 149_900)
	ended := make(chan error, 1)
	go func() {
		r := link.BlockRequest{Off: 100, Length: int64(len(dst)), Fill: true, Hint: random(5000)}
		holders, err := a.ReadBlock(t.Context(), "b", r, [][]byte{dst}, func(n int64) { arrived <- n })
		if err == nil && len(holders) != 1 {
			err = errors.New("no holders")
		}
		ended <- err
	}()
	require.EqualValues(t, 50_000, <-arrived)
	step <- struct{}{}
	require.EqualValues(t, 65_436, <-arrived) // the grid's line at 64 KiB of the block
	require.EqualValues(t, 100_000, <-arrived)
	step <- struct{}{}
	require.EqualValues(t, 130_972, <-arrived)
	require.EqualValues(t, 149_900, <-arrived)
	step <- struct{}{}
	require.NoError(t, <-ended)
	require.True(t, bytes.Equal(block[100:], dst))
}

// A file that ends early, or cannot be read, is its own request's trouble.
func TestFileThatFails(t *testing.T) {
	for name, set := range map[string]func(*link.Config){"sendfile": plain, "copied": both(secrets("s"), encrypt)} {
		t.Run(name, func(t *testing.T) {
			m := newMesh(t)
			var here recorder
			a := m.add("a", &handler{}, both(set, here.set))
			block := random(1 << 20)
			sums := make([]uint64, 16)
			for i := range sums {
				sums[i] = piece.Sum(block[i<<16 : (i+1)<<16])
			}
			path := filepath.Join(t.TempDir(), "block")
			require.NoError(t, os.WriteFile(path, block[:300_000], 0o600))
			short, err := os.Open(path)
			require.NoError(t, err)
			defer short.Close()
			gone, err := os.Open(path)
			require.NoError(t, err)
			require.NoError(t, gone.Close())
			m.add("b", &handler{block: func(_ context.Context, _ string, r *link.BlockRequest, w *link.BlockWriter) error {
				file := short
				if r.Fill {
					file = gone
				}
				return w.SendFile(file, r.Off, r.Length, sums[r.Off>>16:][:(r.Length+65535)>>16])
			}}, set)
			read := func(off, n int, gone bool) error {
				dst := make([]byte, n)
				_, err := a.ReadBlock(t.Context(), "b", link.BlockRequest{Off: int64(off), Length: int64(n), Fill: gone}, [][]byte{dst}, nil)
				if err == nil {
					require.True(t, bytes.Equal(block[off:off+n], dst))
				}
				return err
			}
			require.NoError(t, read(0, 256<<10, false))
			require.Error(t, read(0, 1<<20, false))
			require.NoError(t, read(128<<10, 128<<10, false))
			require.ErrorContains(t, read(1, 100, false), "want whole pieces")
			require.Error(t, read(0, 256<<10, true))
			require.NoError(t, read(0, 256<<10, false))
			here.see(t, "a connection ended", func() bool { return here.ended == 0 && len(here.broken) == 0 })
		})
	}
}

func TestForget(t *testing.T) {
	m := newMesh(t)
	var here recorder
	a := m.add("a", &handler{}, here.set)
	waits := make(chan struct{})
	m.add("b", &handler{block: func(ctx context.Context, _ string, _ *link.BlockRequest, _ *link.BlockWriter) error {
		waits <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	}, call: echo}, nil)
	ended := make(chan error, 1)
	go func() {
		_, err := a.ReadBlock(t.Context(), "b", link.BlockRequest{Length: 1}, [][]byte{{0}}, nil)
		ended <- err
	}()
	<-waits
	a.Forget("b")
	require.ErrorIs(t, <-ended, link.ErrUnreachable)
	_, err := a.Call(t.Context(), "b", "echo", nil)
	require.NoError(t, err)
}
