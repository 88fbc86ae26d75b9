package link_test

import (
	"bytes"
	"context"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/peer/internal/link"
)

// pipes is a network of net.Pipes: time in it is the bubble's.
type pipes struct {
	mu   sync.Mutex
	ends map[string]*pipeEnd
}

type pipeEnd struct {
	addr  string
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (p *pipes) listen(addr string) net.Listener {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := &pipeEnd{addr: addr, conns: make(chan net.Conn), done: make(chan struct{})}
	p.ends[addr] = l
	return l
}

func (p *pipes) dial(ctx context.Context, addr string) (net.Conn, error) {
	p.mu.Lock()
	l := p.ends[addr]
	p.mu.Unlock()
	here, there := net.Pipe()
	select {
	case l.conns <- there:
		return here, nil
	case <-l.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *pipeEnd) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeEnd) Close() error   { l.once.Do(func() { close(l.done) }); return nil }
func (l *pipeEnd) Addr() net.Addr { return &net.UnixAddr{Name: l.addr} }

// node starts an endpoint on p whose id is its address.
func (p *pipes) node(t *testing.T, id string, h link.Handler, set func(*link.Config)) *link.Endpoint {
	cfg := link.Config{ID: id, Handler: h, Resolve: func(id string) (string, bool) { return id, true }, Dial: p.dial}
	if set != nil {
		set(&cfg)
	}
	e, err := link.New(cfg)
	require.NoError(t, err)
	l := p.listen(id)
	go e.Serve(l)
	t.Cleanup(func() { e.Close() })
	return e
}

func TestIdleConnectionsAreClosed(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		p := &pipes{ends: map[string]*pipeEnd{}}
		var here, there recorder
		a := p.node(t, "a", &handler{}, here.set)
		p.node(t, "b", &handler{call: func(ctx context.Context, _, method string, _ []byte) ([]byte, error) {
			if method == "long" {
				time.Sleep(10 * time.Minute)
			}
			return nil, nil
		}}, there.set)
		call := func(method string) {
			_, err := a.Call(t.Context(), "b", method, nil)
			require.NoError(t, err)
		}
		call("short")
		for range 5 {
			time.Sleep(40 * time.Second)
			call("short")
		}
		call("long")
		synctest.Wait()
		require.Equal(t, [2]int{1, 0}, here.connections(), "a connection in use is closed")
		time.Sleep(61 * time.Second)
		synctest.Wait()
		require.Equal(t, [2]int{1, 1}, here.connections())
		require.Equal(t, [2]int{1, 1}, there.connections())
		call("short")
		synctest.Wait()
		require.Equal(t, [2]int{2, 1}, here.connections())
	})
}

// A stranger has a second, whatever it does with it.
func TestStrangerHasASecond(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		p := &pipes{ends: map[string]*pipeEnd{}}
		p.node(t, "b", &handler{}, secrets("s"))
		c, err := p.dial(t.Context(), "b")
		require.NoError(t, err)
		begun := time.Now()
		for _, b := range []byte("Fmlp\x02\x02\x01\x00 and then a hello that comes one byte at a time") {
			if b == ' ' {
				c.Read(make([]byte, 40))
			}
			time.Sleep(100 * time.Millisecond)
			if _, err = c.Write([]byte{b}); err != nil {
				break
			}
		}
		require.Error(t, err)
		require.InDelta(t, time.Second, time.Since(begun), float64(150*time.Millisecond))
	})
}

// A node that accepts and says nothing holds up a caller for DialTime, or its context.
func TestSilentNode(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		p := &pipes{ends: map[string]*pipeEnd{}}
		a := p.node(t, "a", &handler{}, nil)
		l := p.listen("b")
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				t.Cleanup(func() { c.Close() })
			}
		}()
		defer l.Close()
		begun := time.Now()
		_, err := a.Call(t.Context(), "b", "m", nil)
		require.ErrorIs(t, err, link.ErrUnreachable)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 5*time.Second, time.Since(begun))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun = time.Now()
		_, err = a.Call(ctx, "b", "m", nil)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(begun))
	})
}

// The deadline of a call ends it there as well.
func TestDeadlineEndsTheHandler(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		p := &pipes{ends: map[string]*pipeEnd{}}
		a := p.node(t, "a", &handler{}, nil)
		ended := make(chan time.Time, 1)
		p.node(t, "b", &handler{call: func(ctx context.Context, _, _ string, _ []byte) ([]byte, error) {
			<-ctx.Done()
			ended <- time.Now()
			return nil, ctx.Err()
		}}, nil)
		begun := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		_, err := a.Call(ctx, "b", "m", nil)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, begun.Add(3*time.Second), <-ended)
	})
}

// A sender that stalls within a call's request does not keep the memory of it.
func TestCallThatStalls(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		p := &pipes{ends: map[string]*pipeEnd{}}
		a := p.node(t, "a", &handler{}, nil)
		var there recorder
		p.node(t, "b", &handler{call: echo}, there.set)
		conn, err := a.DialFrames(t.Context(), "b")
		require.NoError(t, err)
		defer conn.Close()
		_, err = conn.Write(link.CallFrame(1, 0, 0, "m", make([]byte, 1<<20))[:100<<10])
		require.NoError(t, err)
		time.Sleep(11 * time.Second)
		synctest.Wait()
		require.Equal(t, [2]int{1, 1}, there.connections())
	})
}

// scribbler is a connection whose long reads, which are of a block's bytes into their place, wait for a deadline once it is
// stalled, and then take their time; as a reader may, they use the place that they are given.
type scribbler struct {
	net.Conn
	stalled atomic.Bool
	was     atomic.Bool // until the next read, which waits: whoever makes it is not to have the rest before the caller sees his context end
	past    chan struct{}
}

func (s *scribbler) SetReadDeadline(t time.Time) error {
	if s.stalled.Load() && !t.IsZero() {
		close(s.past)
	}
	return s.Conn.SetReadDeadline(t)
}

func (s *scribbler) Read(p []byte) (int, error) {
	if s.was.Swap(false) {
		time.Sleep(time.Second)
	}
	if !s.stalled.Load() || len(p) <= 8<<10 {
		return s.Conn.Read(p)
	}
	<-s.past
	time.Sleep(time.Second)
	p[0] ^= 0xff
	s.stalled.Store(false)
	s.was.Store(true)
	return 0, os.ErrDeadlineExceeded
}

// TestNothingWritesAfterReadBlock: neither the reader goroutine, nor, once requests follow each other, who made the read, nor who goes on
// with the rest of the frame.
func TestNothingWritesAfterReadBlock(t *testing.T) {
	for name, before := range map[string]int{"the reader goroutine reads": 0, "who made it reads": 3} {
		t.Run(name, func(t *testing.T) { bubbletest.Test(t, func(t *testing.T) { nothingWritesAfter(t, before) }) })
	}
}

// nothingWritesAfter takes a read back that stalls, after others.
func nothingWritesAfter(t *testing.T, before int) {
	p := &pipes{ends: map[string]*pipeEnd{}}
	conn := &scribbler{past: make(chan struct{})}
	var here recorder
	a := p.node(t, "a", &handler{}, func(c *link.Config) {
		here.set(c)
		c.Dial = func(ctx context.Context, addr string) (_ net.Conn, err error) {
			conn.Conn, err = p.dial(ctx, addr)
			return conn, err
		}
	})
	block := random(512 << 10) // more than is read with one call
	p.node(t, "b", &handler{block: lend(block)}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	dst := make([]byte, len(block))
	r := link.BlockRequest{Length: int64(len(dst))}
	read := func() {
		clear(dst)
		_, err := a.ReadBlock(t.Context(), "b", r, [][]byte{dst}, nil)
		require.NoError(t, err)
		require.True(t, bytes.Equal(block, dst))
	}
	for range before {
		read()
	}
	synctest.Wait()
	require.Equal(t, before > 0, a.Parked("b", link.LaneBulk))
	_, err := a.ReadBlock(ctx, "b", r, [][]byte{dst}, func(n int64) {
		if n == 64<<10 {
			require.Equal(t, before > 0, readsOwn())
			conn.stalled.Store(true)
			time.AfterFunc(time.Second, cancel)
		}
	})
	require.ErrorIs(t, err, context.Canceled)
	kept := bytes.Clone(dst)
	time.Sleep(5 * time.Second)
	require.True(t, bytes.Equal(kept, dst), "a byte was written after ReadBlock returned")
	for range 4 {
		read()
	}
	require.Equal(t, [2]int{1, 0}, here.connections())
}
