package link_test

import (
	"context"
	"io"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/peer/internal/link"
)

// counted is a connection that counts its writes, and the longest of them.
type counted struct {
	net.Conn
	writes, longest *atomic.Int64
}

func (c counted) Write(p []byte) (int, error) {
	c.writes.Add(1)
	c.longest.Store(max(c.longest.Load(), int64(len(p))))
	return c.Conn.Write(p)
}

// Under TLS, too, what is long goes out with few writes: four records each.
func TestRecordsGoTogether(t *testing.T) {
	m := newMesh(t)
	var writes, longest atomic.Int64
	set := both(secrets("s"), encrypt)
	a := m.add("a", &handler{}, both(set, func(c *link.Config) {
		c.Dial = func(ctx context.Context, addr string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
			return counted{conn, &writes, &longest}, err
		}
	}))
	m.add("b", &handler{call: echo}, set)
	req := random(1 << 20)
	for range 20 { // the first records of a connection are short
		_, err := a.Call(t.Context(), "b", "echo", req)
		require.NoError(t, err)
	}
	writes.Store(0)
	got, err := a.Call(t.Context(), "b", "echo", req)
	require.NoError(t, err)
	require.Equal(t, req, got)
	require.LessOrEqual(t, writes.Load(), int64(18))
	require.LessOrEqual(t, longest.Load(), int64(66<<10), "more is held than is good for the other side")
	for range 2 { // the first one dials
		writes.Store(0)
		_, err = a.Call(t.Context(), "b", "echo", req[:100])
		require.NoError(t, err)
	}
	require.EqualValues(t, 1, writes.Load())
}

// A node that does not read holds up neither the end of who writes to it, nor, once it is told to end, the endpoint's.
func TestCloseBesideHeldRecords(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		p := &pipes{ends: map[string]*pipeEnd{}}
		set := both(secrets("s"), encrypt)
		a := p.node(t, "a", &handler{}, set)
		b := p.node(t, "b", &handler{}, set)
		deaf := p.listen("b")
		defer deaf.Close()
		let := make(chan net.Conn, 1)
		go func() {
			raw, err := deaf.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { raw.Close() })
			if conn, err := b.Admit(raw); err == nil {
				_, _ = io.ReadFull(conn, make([]byte, 1<<10)) // of what is written with one call
				let <- conn
			}
		}()
		ended := make(chan error, 1)
		go func() {
			_, err := a.Call(t.Context(), "b", "m", random(50<<10))
			ended <- err
		}()
		<-let
		begun := time.Now()
		require.NoError(t, a.Close())
		require.Zero(t, time.Since(begun), "it waited for a node that does not read")
		require.ErrorIs(t, <-ended, link.ErrUnknownOutcome)
	})
}

// A node that does not read any more has no second chance under TLS: its connection ends with the write that took too long, and does not
// wait for an alert.
func TestStalledWriteUnderTLSEndsAtOnce(t *testing.T) {
	for _, n := range []int{10 << 10, 50 << 10, 1 << 20} {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			bubbletest.Test(t, func(t *testing.T) {
				p := &pipes{ends: map[string]*pipeEnd{}}
				set := both(secrets("s"), encrypt)
				var here recorder
				a := p.node(t, "a", &handler{}, both(set, here.set))
				b := p.node(t, "b", &handler{}, set)
				deaf := p.listen("b")
				defer deaf.Close()
				go func() {
					if raw, err := deaf.Accept(); err == nil {
						t.Cleanup(func() { raw.Close() })
						_, _ = b.Admit(raw)
					}
				}()
				begun := time.Now()
				_, err := a.Call(t.Context(), "b", "m", random(n))
				require.ErrorIs(t, err, link.ErrUnknownOutcome)
				synctest.Wait()
				require.Equal(t, [2]int{1, 1}, here.connections(), "the connection goes on")
				require.Equal(t, 10*time.Second, time.Since(begun))
			})
		})
	}
}
