package link_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/peer/internal/link"
)

// quick is two nodes in a bubble; requests of the first follow each other so that who makes them reads the answers.
type quick struct {
	t      *testing.T
	p      *pipes
	a      *link.Endpoint
	here   recorder
	dialed net.Conn
	block  []byte
	begun  time.Time

	goOn    chan struct{} // closed: calls other than "echo" are answered
	release func()        // closes it
}

// inQuick runs f over two nodes.
func inQuick(t *testing.T, f func(t *testing.T, q *quick)) {
	bubbletest.Test(t, func(t *testing.T) {
		q := &quick{t: t, p: &pipes{ends: map[string]*pipeEnd{}}, goOn: make(chan struct{}), block: random(3<<20 + 5)}
		q.release = sync.OnceFunc(func() { close(q.goOn) })
		q.a = q.p.node(t, "a", &handler{}, func(c *link.Config) {
			q.here.set(c)
			c.Dial = func(ctx context.Context, addr string) (_ net.Conn, err error) {
				q.dialed, err = q.p.dial(ctx, addr)
				return q.dialed, err
			}
		})
		q.p.node(t, "b", &handler{call: q.answer, block: lend(q.block)}, nil)
		t.Cleanup(q.release)
		q.warm()
		q.begun = time.Now()
		f(t, q)
	})
}

// warm makes calls until the reader goroutine is parked.
func (q *quick) warm() {
	for range 3 {
		q.echo(q.t.Context())
	}
	synctest.Wait()
	require.True(q.t, q.a.Parked("b", link.LaneCalls), "the reader goroutine reads")
}

// warmReads is warm for reads of blocks.
func (q *quick) warmReads() {
	for range 3 {
		q.read(10)
	}
	synctest.Wait()
	require.True(q.t, q.a.Parked("b", link.LaneReads), "the reader goroutine reads")
}

// read reports whether the reading was done here.
func (q *quick) read(n int) (own bool) {
	dst := make([]byte, n)
	_, err := q.a.ReadBlock(q.t.Context(), "b", link.BlockRequest{Length: int64(n)}, [][]byte{dst}, func(int64) { own = readsOwn() })
	require.NoError(q.t, err)
	require.True(q.t, bytes.Equal(q.block[:n], dst))
	return own
}

// readsOwn reports whether who made a request calls it, and not the reader goroutine.
func readsOwn() bool { return bytes.Contains(debug.Stack(), []byte("readOwn")) }

func (q *quick) echo(ctx context.Context) {
	got, err := q.a.Call(ctx, "b", "echo", []byte("some bytes"))
	require.NoError(q.t, err)
	require.Equal(q.t, "some bytes", string(got))
}

func (q *quick) answer(_ context.Context, _, method string, req []byte) ([]byte, error) {
	if method != "echo" {
		<-q.goOn
	}
	return req, nil
}

func TestWhoReadsOwnAnswerGivesUp(t *testing.T) {
	inQuick(t, func(t *testing.T, q *quick) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Millisecond, cancel)
		begun := time.Now()
		_, err := q.a.Call(ctx, "b", "slow", nil)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, link.ErrUnknownOutcome)
		require.Equal(t, time.Millisecond, time.Since(begun))
		q.echo(t.Context()) // beside the one that is still worked at
		q.release()
		synctest.Wait()
		q.warm()
		require.Equal(t, [2]int{1, 0}, q.here.connections())
	})
}

// Others that come while somebody reads have their answers before and after his.
func TestOthersWhileOneReadsOwn(t *testing.T) {
	inQuick(t, func(t *testing.T, q *quick) {
		var first sync.WaitGroup
		first.Go(func() {
			got, err := q.a.Call(t.Context(), "b", "slow", []byte("first"))
			require.NoError(t, err)
			require.Equal(t, "first", string(got))
		})
		synctest.Wait()
		require.False(t, q.a.Parked("b", link.LaneCalls), "nobody reads")
		q.echo(t.Context())
		var second sync.WaitGroup
		second.Go(func() {
			_, err := q.a.Call(t.Context(), "b", "slow", nil)
			require.NoError(t, err)
		})
		synctest.Wait()
		q.release()
		first.Wait()
		second.Wait()
		require.Zero(t, time.Since(q.begun), "an answer waited for a timer")
	})
}

// A call's answer that is too long for the buffer is the reader goroutine's; one that comes in parts is not, nor a block of any length.
func TestLongAnswersAfterShortOnes(t *testing.T) {
	inQuick(t, func(t *testing.T, q *quick) {
		for _, n := range []int{1, 4 << 10, 7 << 10, 8 << 10, 9 << 10, 100 << 10, 128 << 10} {
			q.warm()
			got, err := q.a.Call(t.Context(), "b", "echo", q.block[:n])
			require.NoError(t, err)
			require.Equal(t, q.block[:n], got)
			q.warmReads()
			require.True(t, q.read(n))
		}
		for range 3 {
			q.read(len(q.block))
		}
		synctest.Wait()
		require.True(t, q.a.Parked("b", link.LaneBulk))
		require.True(t, q.read(len(q.block)))
		require.Zero(t, time.Since(q.begun), "an answer waited for a timer")
		require.Equal(t, [2]int{3, 0}, q.here.connections())
	})
}

// A connection that ends while nobody reads it is noticed all the same, and one that ends while somebody reads his answer ends him.
func TestConnectionEndsBetweenRequests(t *testing.T) {
	inQuick(t, func(t *testing.T, q *quick) {
		q.dialed.Close()
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, [2]int{1, 1}, q.here.connections())
		q.warm()
		ended := make(chan error, 1)
		go func() { _, err := q.a.Call(t.Context(), "b", "slow", nil); ended <- err }()
		synctest.Wait()
		q.dialed.Close()
		require.ErrorIs(t, <-ended, link.ErrUnknownOutcome)
		synctest.Wait()
		require.Equal(t, [2]int{2, 2}, q.here.connections())
		q.warm()
		go func() { _, err := q.a.Call(t.Context(), "b", "slow", nil); ended <- err }()
		synctest.Wait()
		require.NoError(t, q.a.Close())
		require.ErrorIs(t, <-ended, link.ErrUnknownOutcome)
	})
}

// TestCallsDoNotWaitForReads, of which more wait for the other side than it takes at a time.
func TestCallsDoNotWaitForReads(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		p := &pipes{ends: map[string]*pipeEnd{}}
		a := p.node(t, "a", &handler{}, nil)
		goOn := make(chan struct{})
		p.node(t, "b", &handler{call: echo, block: func(ctx context.Context, from string, r *link.BlockRequest, w *link.BlockWriter) error {
			<-goOn
			return served(ctx, from, r, w)
		}}, nil)
		var all sync.WaitGroup
		for i := range 20 * link.Requests {
			all.Go(func() {
				dst := make([]byte, 10)
				_, err := a.ReadBlock(t.Context(), "b", link.BlockRequest{Off: int64(i), Length: 10}, [][]byte{dst}, nil)
				require.NoError(t, err)
				require.Equal(t, pattern(int64(i), 10), dst)
			})
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := a.Call(ctx, "b", "echo", nil)
		close(goOn)
		require.NoError(t, err)
		all.Wait()
	})
}

// An idle connection has its reader goroutine, which no timer wakes.
func TestReaderGoesOnWhenItIsCalm(t *testing.T) {
	inQuick(t, func(t *testing.T, q *quick) {
		time.Sleep(time.Second)
		synctest.Wait()
		require.False(t, q.a.Parked("b", link.LaneCalls))
		for range 10 {
			time.Sleep(time.Second)
			q.echo(t.Context())
			synctest.Wait()
			require.False(t, q.a.Parked("b", link.LaneCalls), "parked for a request a second")
		}
	})
}

// Who reads his own and finds it changed has the error at once, though the rest of the frame does not come; the connection goes on when it does.
func TestChangedOwnDoesNotWaitForTheRest(t *testing.T) {
	for name, set := range map[string]func(*link.Config){"plain": plain, "encrypted": both(secrets("s"), encrypt)} {
		t.Run(name, func(t *testing.T) {
			m := newMesh(t)
			var here recorder
			a := m.add("a", &handler{}, both(set, here.set))
			block := random(1 << 20)
			good := sumsOf(block)
			bad := append([]uint64{good[0] ^ 1}, good[1:]...)
			var lie atomic.Bool
			resume := make(chan struct{})
			m.liar(set, func(conn net.Conn, id uint64) {
				if lie.CompareAndSwap(true, false) {
					frame := link.DataFrame(id, 0, bad, block)
					conn.Write(frame[:700<<10]) // enough that who sleeps for 256 KiB is woken, whatever came first
					<-resume
					conn.Write(frame[700<<10:])
					conn.Write(link.ErrorFrame(id, context.Canceled, false))
					return
				}
				conn.Write(link.DataFrame(id, 0, good, block))
				conn.Write(link.EndFrame(id, int64(len(block)), nil))
			})
			dst := make([]byte, len(block))
			read := func() (own bool, err error) {
				clear(dst)
				_, err = a.ReadBlock(t.Context(), "b", link.BlockRequest{Length: int64(len(dst))}, [][]byte{dst}, func(int64) { own = readsOwn() })
				return own, err
			}
			require.Eventually(t, func() bool { // on a slow machine they do not follow each other quickly at once
				own, err := read()
				require.NoError(t, err)
				return own
			}, 10*time.Second, time.Microsecond)
			lie.Store(true)
			_, err := read()
			require.ErrorIs(t, err, link.ErrChecksum)
			close(resume)
			for range 3 {
				_, err = read()
				require.NoError(t, err)
				require.True(t, bytes.Equal(block, dst))
			}
			here.see(t, "the connection goes on", func() bool { return here.begun == 1 && here.ended == 0 })
		})
	}
}

// A caller whose arrived does not return, as one that panics and is caught, costs the connection, and no more.
func TestWhoReadsOwnIsGone(t *testing.T) {
	inQuick(t, func(t *testing.T, q *quick) {
		q.warmReads()
		first, second := make([]byte, 2<<10), make([]byte, 2<<10) // a piece ends between them, and all of the frame has come
		told := 0
		var gone sync.WaitGroup
		gone.Go(func() {
			r := link.BlockRequest{Off: 62 << 10, Length: 4 << 10}
			_, _ = q.a.ReadBlock(t.Context(), "b", r, [][]byte{first, second}, func(int64) { told++; runtime.Goexit() })
		})
		gone.Wait()
		q.read(100)
		require.Zero(t, time.Since(q.begun))
		require.Equal(t, 1, told)
		require.Equal(t, make([]byte, 2<<10), second, "somebody has gone on")
	})
}

// TestManyReadOwn: many callers, some of whom give up, get the answers that are theirs.
func TestManyReadOwn(t *testing.T) {
	m := newMesh(t)
	a := m.add("a", &handler{}, nil)
	m.add("b", &readyHandler{handler: handler{call: echo, block: served}, ready: func(r *link.BlockRequest, w *link.BlockWriter) bool {
		return r.Off%3 == 0 && served(t.Context(), "", r, w) == nil
	}}, nil)
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(i), 7))
			for k := range 1500 {
				if rnd.IntN(20) == 0 {
					time.Sleep(time.Duration(rnd.IntN(int(5 * time.Millisecond))))
				}
				ctx, cancel := t.Context(), context.CancelFunc(func() {})
				if rnd.IntN(3) == 0 {
					ctx, cancel = context.WithTimeout(ctx, time.Duration(rnd.IntN(int(200*time.Microsecond))))
				}
				if rnd.IntN(2) == 0 {
					want := fmt.Sprint(i, " ", k)
					got, err := a.Call(ctx, "b", "echo", []byte(want))
					if !givenUp(t, err) {
						require.Equal(t, want, string(got))
					}
				} else {
					most := 6 << 10
					if rnd.IntN(16) == 0 {
						most = 1 << 20
					}
					r := link.BlockRequest{Off: int64(rnd.IntN(1000)), Length: int64(1 + rnd.IntN(most))}
					dst := make([]byte, r.Length)
					_, err := a.ReadBlock(ctx, "b", r, [][]byte{dst}, nil)
					if !givenUp(t, err) {
						require.Equal(t, pattern(r.Off, r.Length), dst)
					}
				}
				cancel()
			}
		})
	}
	all.Wait()
}

// TestLongerCallsReadOwn: a goroutine begins their frames, while who makes them may read already. The race detector looks.
func TestLongerCallsReadOwn(t *testing.T) {
	m := newMesh(t)
	a := m.add("a", &handler{}, nil)
	m.add("b", &handler{call: echo}, nil)
	want := random(2 << 10)
	for range 2000 {
		got, err := a.Call(t.Context(), "b", "echo", want)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

func givenUp(t *testing.T, err error) bool {
	if errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	require.NoError(t, err)
	return false
}

// pattern is bytes that say where they are from.
func pattern(off, n int64) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte((off + int64(i)) * 7 >> 1)
	}
	return b
}

func served(_ context.Context, _ string, r *link.BlockRequest, w *link.BlockWriter) error {
	return w.Lend(pattern(r.Off, r.Length), nil)
}
