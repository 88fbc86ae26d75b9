package link_test

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/millpond/millpond/peer/internal/link"
)

// neighbours are two nodes of a host, the second of which serves by h.
func neighbours(t *testing.T, h link.Handler, set func(*link.Config)) (a, b *link.Endpoint) {
	m := newMesh(t)
	a = m.add("a", &handler{}, func(c *link.Config) { c.Dial, c.DialHere = dialTCP, dialUnix })
	b = m.add("b", h, set)
	if !*overUnix {
		addr, _ := m.resolve("b")
		here, err := net.Listen("unix", unixName(addr))
		require.NoError(t, err)
		m.serve(b, here)
	}
	return a, b
}

// patient nodes do not end the connection of who does not read.
func patient(c *link.Config) { c.StallTime = time.Hour }

func isReleased(t *testing.T, released chan struct{}) {
	t.Helper()
	select {
	case <-released:
	case <-time.After(5 * time.Second):
		t.Error("it is still lent")
	}
}

// poisoned lends copies of ranges of block, which are no good any more once they are released.
func poisoned(block []byte, lent *atomic.Int64) func(*link.BlockRequest, *link.BlockWriter) error {
	return func(r *link.BlockRequest, w *link.BlockWriter) error {
		b := bytes.Clone(block[r.Off : r.Off+r.Length])
		lent.Add(1)
		release := func() { clear(b); lent.Add(-1) }
		if r.Off%(64<<10) == 0 && r.Key[0] == 1 {
			return w.LendSummed(b, sumsOf(b), release)
		}
		return w.Lend(b, release)
	}
}

// serving makes a handler's func of one that looks at the request alone.
func serving(serve func(*link.BlockRequest, *link.BlockWriter) error) func(context.Context, string, *link.BlockRequest, *link.BlockWriter) error {
	return func(_ context.Context, _ string, r *link.BlockRequest, w *link.BlockWriter) error { return serve(r, w) }
}

// TestLentBytesStayUntilTheyAreRead reads many blocks at a time, some in turn with others, some of which nobody waits for: what is released is
// overwritten at once.
func TestLentBytesStayUntilTheyAreRead(t *testing.T) {
	block := random(3<<20 + 777)
	var lent atomic.Int64
	serve := poisoned(block, &lent)
	a, b := neighbours(t, &readyHandler{
		handler: handler{block: serving(serve)},
		ready:   func(r *link.BlockRequest, w *link.BlockWriter) bool { return !r.Fill && serve(r, w) == nil },
	}, nil)
	var all sync.WaitGroup
	for i := range 8 {
		rng := rand.New(rand.NewPCG(7, uint64(i)))
		all.Go(func() {
			for range 60 {
				off := rng.IntN(2<<20) &^ (64<<10 - 1)
				n := 1 + rng.IntN(len(block)-off)
				ctx, cancel := context.WithCancel(t.Context())
				if rng.IntN(4) == 0 {
					time.AfterFunc(time.Duration(rng.IntN(1000))*time.Microsecond, cancel)
				}
				dst := make([]byte, n)
				r := link.BlockRequest{Key: link.Key{byte(rng.IntN(2))}, Off: int64(off), Length: int64(n), Fill: rng.IntN(2) == 0}
				_, err := a.ReadBlock(ctx, "b", r, [][]byte{dst}, nil)
				if ctx.Err() == nil && (err != nil || !bytes.Equal(block[off:off+n], dst)) {
					t.Errorf("%d bytes at %d: %v", n, off, err)
				}
				cancel()
			}
		})
	}
	all.Wait()
	require.Zero(t, a.Metrics().Corrupt)
	require.Eventually(t, func() bool { return lent.Load() == 0 }, 10*time.Second, time.Millisecond, "something is lent still")
	require.Positive(t, b.Metrics().BytesOut)
}

// unreadRead asks for n bytes of b's block over a connection that nobody reads.
func unreadRead(t *testing.T, a, b *link.Endpoint, n int) net.Conn {
	conn, err := a.DialFrames(t.Context(), "b")
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	_, err = conn.Write(link.ReadFrame(1, 0, link.BlockRequest{Length: int64(n)}))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return b.Metrics().BytesOut == int64(n) }, 10*time.Second, time.Millisecond)
	return conn
}

// TestBlocksGoByReference: what is changed while it lies in the socket comes changed, and it is released when it has been read.
func TestBlocksGoByReference(t *testing.T) {
	block := random(link.SpliceBytes)
	released := make(chan struct{})
	a, b := neighbours(t, &readyHandler{ready: func(r *link.BlockRequest, w *link.BlockWriter) bool {
		if r.Length == 0 {
			return w.Lend(nil, nil) == nil
		}
		return w.Lend(block, func() { close(released) }) == nil
	}}, patient)
	conn := unreadRead(t, a, b, len(block))
	for i := range block {
		block[i]++
	}
	_, err := conn.Write(link.ReadFrame(2, 0, link.BlockRequest{Length: 0})) // what goes over the connection next changes nothing
	require.NoError(t, err)
	frame := link.DataFrame(1, 0, make([]uint64, link.SpliceBytes>>16), block)
	got := make([]byte, len(frame))
	_, err = io.ReadFull(conn, got[:len(got)-1])
	require.NoError(t, err)
	select {
	case <-released:
		t.Fatal("a byte is not read yet")
	case <-time.After(20 * time.Millisecond):
	}
	_, err = io.ReadFull(conn, got[len(got)-1:])
	require.NoError(t, err)
	require.True(t, bytes.Equal(block, got[len(got)-len(block):]), "it was copied")
	_, err = io.ReadFull(conn, make([]byte, 2*len(link.EndFrame(1, 0, nil))))
	require.NoError(t, err)
	isReleased(t, released)
}

// TestUnreadBytesAreReleased at the end of their connection, wherever that comes from.
func TestUnreadBytesAreReleased(t *testing.T) {
	impatient := func(c *link.Config) { c.StallTime = 50 * time.Millisecond }
	for _, c := range []struct {
		name string
		set  func(*link.Config)
		end  func(conn net.Conn, b *link.Endpoint)
	}{
		{"the caller goes", patient, func(conn net.Conn, _ *link.Endpoint) { conn.Close() }},
		{"the node stops", patient, func(_ net.Conn, b *link.Endpoint) { b.Close() }},
		{"nobody reads", impatient, func(net.Conn, *link.Endpoint) {}},
	} {
		t.Run(c.name, func(t *testing.T) {
			block := random(link.SpliceBytes)
			released := make(chan struct{})
			a, b := neighbours(t, &readyHandler{ready: func(_ *link.BlockRequest, w *link.BlockWriter) bool {
				return w.Lend(block, func() { close(released) }) == nil
			}}, c.set)
			c.end(unreadRead(t, a, b, len(block)), b)
			isReleased(t, released)
		})
	}
}

// TestReleaseWaitsForAnAnswer over the same connection: who calls it has not the turn to write.
func TestReleaseWaitsForAnAnswer(t *testing.T) {
	block := random(link.SpliceBytes)
	over := t.Context().Done()
	released, answered := make(chan struct{}), make(chan struct{})
	var times atomic.Int64
	a, b := neighbours(t, &handler{block: serving(func(r *link.BlockRequest, w *link.BlockWriter) error {
		if !r.Fill {
			return w.Lend(block, func() {
				select {
				case released <- struct{}{}:
				case <-over:
				}
				select {
				case <-answered:
					times.Add(1)
				case <-over:
				}
			})
		}
		select {
		case <-released:
		case <-over:
			return link.ErrMissing
		}
		_, err := w.Write(block[:1])
		select {
		case answered <- struct{}{}:
		case <-over:
		}
		return err
	})}, patient)
	conn, err := a.DialFrames(t.Context(), "b")
	require.NoError(t, err)
	defer conn.Close()
	go io.Copy(io.Discard, conn)
	const rounds = 20
	for i := range uint64(rounds) {
		_, err := conn.Write(link.ReadFrame(2*i+1, 0, link.BlockRequest{Length: 1, Fill: true}))
		require.NoError(t, err)
		_, err = conn.Write(link.ReadFrame(2*i+2, 0, link.BlockRequest{Length: int64(len(block))}))
		require.NoError(t, err)
		require.Eventually(t, func() bool { return b.Metrics().BytesOut >= int64(i+1)*int64(len(block)) }, 10*time.Second, 100*time.Microsecond)
	}
	require.Eventually(t, func() bool { return times.Load() == rounds }, 10*time.Second, time.Millisecond)
}

// TestWhoDoesNotReadIsToldOf: what ended the connection is in its event.
func TestWhoDoesNotReadIsToldOf(t *testing.T) {
	block := random(link.SpliceBytes)
	ended := make(chan error, 1)
	a, b := neighbours(t, &readyHandler{ready: func(_ *link.BlockRequest, w *link.BlockWriter) bool {
		return w.Lend(block, nil) == nil
	}}, func(c *link.Config) {
		c.StallTime = 50 * time.Millisecond
		c.Events.Connects = func(i link.ConnectInfo) {
			if i.End {
				ended <- i.Err
			}
		}
	})
	unreadRead(t, a, b, len(block))
	require.ErrorContains(t, <-ended, "not read")
}

// TestNoFilesForPipes: who has no file descriptors left copies, and does so no longer than that.
func TestNoFilesForPipes(t *testing.T) {
	block := random(1 << 20)
	var lent atomic.Int64
	serve := poisoned(block, &lent)
	a, b := neighbours(t, &handler{block: serving(serve)}, nil)
	read := func(n int) {
		dst := make([]byte, n)
		_, err := a.ReadBlock(t.Context(), "b", link.BlockRequest{Length: int64(n)}, [][]byte{dst}, nil)
		require.NoError(t, err)
		require.True(t, bytes.Equal(block[:n], dst))
	}
	read(link.SpliceBytes - 1) // over the connection of large ones
	var limit unix.Rlimit
	require.NoError(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &limit))
	restore := func() { require.NoError(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)) }
	defer restore()
	none := limit
	none.Cur = 0
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &none))
	read(len(block))
	require.Zero(t, b.Spare())
	restore()
	require.Eventually(t, func() bool { read(len(block)); return b.Spare() == 1 }, 10*time.Second, time.Millisecond)
}

// TestPipeOfABrokenConnection: what is left in a pipe goes to nobody else.
func TestPipeOfABrokenConnection(t *testing.T) {
	block := random(3 << 20)
	var lent atomic.Int64
	serve := poisoned(block, &lent)
	a, b := neighbours(t, &handler{block: serving(serve)}, func(c *link.Config) { c.StallTime = time.Second })
	conn := unreadRead(t, a, b, 0)
	_, err := conn.Write(link.ReadFrame(2, 0, link.BlockRequest{Length: int64(len(block))})) // more than the socket has room for
	require.NoError(t, err)
	_, err = io.CopyN(io.Discard, conn, 900<<10) // so that it is full in the middle of a frame
	require.NoError(t, err)
	require.Eventually(t, func() bool { return lent.Load() == 0 }, 10*time.Second, time.Millisecond)
	for range 3 {
		dst := make([]byte, len(block))
		_, err := a.ReadBlock(t.Context(), "b", link.BlockRequest{Length: int64(len(dst))}, [][]byte{dst}, nil)
		require.NoError(t, err)
		require.True(t, bytes.Equal(block, dst))
	}
}

// TestWrittenBytesAreCopied: they may be used again at once.
func TestWrittenBytesAreCopied(t *testing.T) {
	block := random(4 << 20)
	a, _ := neighbours(t, &handler{block: func(_ context.Context, _ string, r *link.BlockRequest, w *link.BlockWriter) error {
		buf := make([]byte, link.SpliceBytes)
		for off := int64(0); off < r.Length; off += link.SpliceBytes {
			n := copy(buf, block[off:r.Length])
			if _, err := w.Write(buf[:n]); err != nil {
				return err
			}
			clear(buf)
		}
		return nil
	}}, nil)
	for range 10 {
		dst := make([]byte, len(block))
		_, err := a.ReadBlock(t.Context(), "b", link.BlockRequest{Length: int64(len(dst))}, [][]byte{dst}, nil)
		require.NoError(t, err)
		require.True(t, bytes.Equal(block, dst))
	}
}

// TestPipesThatTakeNothing: where the system takes no memory into a pipe, or lets none out of it into a socket, blocks are copied.
func TestPipesThatTakeNothing(t *testing.T) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	require.NoError(t, err)
	defer null.Close()
	for _, broken := range []string{"in", "out"} {
		t.Run(broken, func(t *testing.T) {
			block := random(3 << 20)
			var lent atomic.Int64
			serve := poisoned(block, &lent)
			a, b := neighbours(t, &handler{block: serving(serve)}, nil)
			var ends [2]int
			require.NoError(t, unix.Pipe2(ends[:], unix.O_CLOEXEC|unix.O_NONBLOCK))
			reader, err := unix.FcntlInt(uintptr(ends[0]), unix.F_DUPFD_CLOEXEC, 0) // without one nothing goes in
			require.NoError(t, err)
			defer unix.Close(reader)
			spoilt := map[string]int{"in": ends[1], "out": ends[0]}[broken]
			require.NoError(t, unix.Dup3(int(null.Fd()), spoilt, unix.O_CLOEXEC))
			b.SparePipe(ends[1], ends[0])
			for range 3 {
				dst := make([]byte, len(block))
				_, err := a.ReadBlock(t.Context(), "b", link.BlockRequest{Length: int64(len(dst))}, [][]byte{dst}, nil)
				require.NoError(t, err)
				require.True(t, bytes.Equal(block, dst))
			}
			require.True(t, b.Copies())
			require.Eventually(t, func() bool { return lent.Load() == 0 }, 10*time.Second, time.Millisecond)
		})
	}
}

// TestBytesThatFollowShowWhatIsRead: a connection that always has something to read does not keep what was lent long ago.
func TestBytesThatFollowShowWhatIsRead(t *testing.T) {
	block := random(4 << 20)
	path := filepath.Join(t.TempDir(), "block")
	require.NoError(t, os.WriteFile(path, block, 0o600))
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	sums := sumsOf(block)
	for name, send := range map[string]func(w *link.BlockWriter) error{
		"from a file": func(w *link.BlockWriter) error { return w.SendFile(f, 0, int64(len(block)), sums) },
		"copied":      func(w *link.BlockWriter) error { _, err := w.Write(block); return err },
	} {
		t.Run(name, func(t *testing.T) {
			released := make(chan struct{})
			a, _ := neighbours(t, &handler{block: func(_ context.Context, _ string, r *link.BlockRequest, w *link.BlockWriter) error {
				if r.Length == link.SpliceBytes {
					return w.Lend(block[:r.Length], func() { close(released) })
				}
				return send(w)
			}}, patient)
			conn, err := a.DialFrames(t.Context(), "b")
			require.NoError(t, err)
			defer conn.Close()
			ask := func(id uint64, n int) {
				_, err := conn.Write(link.ReadFrame(id, 0, link.BlockRequest{Length: int64(n)}))
				require.NoError(t, err)
			}
			ask(1, link.SpliceBytes)
			discard := func(n int) {
				_, err := io.CopyN(io.Discard, conn, int64(n))
				require.NoError(t, err)
			}
			discard(link.SpliceBytes)
			ask(2, len(block))
			discard(len(block) / 2) // and the rest stays
			isReleased(t, released)
		})
	}
}

// TestPipesAreFew: while all are used, by readers that are slow, bytes are copied.
func TestPipesAreFew(t *testing.T) {
	block := random(3 << 20)
	var lent atomic.Int64
	a, b := neighbours(t, &handler{block: serving(poisoned(block, &lent))}, patient)
	read := func() {
		dst := make([]byte, len(block))
		_, err := a.ReadBlock(t.Context(), "b", link.BlockRequest{Length: int64(len(dst))}, [][]byte{dst}, nil)
		require.NoError(t, err)
		require.True(t, bytes.Equal(block, dst))
	}
	for range 3 { // which takes many, one after the other
		read()
	}
	require.Eventually(t, func() bool { return lent.Load() == 0 }, 10*time.Second, time.Millisecond)
	var taken []func()
	for range 4 {
		put := b.TakePipe()
		require.NotNil(t, put)
		taken = append(taken, put)
	}
	require.Nil(t, b.TakePipe())
	read()
	for _, put := range taken {
		put()
	}
	require.Positive(t, b.Spare())
	require.LessOrEqual(t, b.Spare(), 2)
	read()
	require.Eventually(t, func() bool { return lent.Load() == 0 }, 10*time.Second, time.Millisecond)
}
