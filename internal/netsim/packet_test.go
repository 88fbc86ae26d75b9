package netsim_test

import (
	"fmt"
	"net"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/netsim"
)

func TestPackets(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		n := netsim.New(1)
		l, from, err := n.Host(a).Listen(t.Context(), ":7")
		require.NoError(t, err)
		l2, to, err := n.Host(b).Listen(t.Context(), ":8")
		require.NoError(t, err)
		for _, c := range []interface{ Close() error }{l, from, l2, to} {
			defer c.Close()
		}
		var seen []string
		n.Tap(func(s netsim.Sent) { seen = append(seen, fmt.Sprintf("%s>%s %v %s", s.From, s.To, s.Packet, s.Bytes)) })
		_, err = from.WriteTo([]byte("hello"), to.LocalAddr())
		require.NoError(t, err)
		buf := make([]byte, 10)
		k, who, err := to.ReadFrom(buf)
		require.NoError(t, err)
		require.Equal(t, "hello", string(buf[:k]))
		require.Equal(t, from.LocalAddr().String(), who.String())
		require.Equal(t, []string{"10.0.0.1:7>10.0.0.2:8 true hello"}, seen)
		require.NoError(t, to.SetReadDeadline(time.Now().Add(time.Second)))
		_, _, err = to.ReadFrom(buf)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		_, err = from.WriteTo(make([]byte, 65508), to.LocalAddr())
		require.Error(t, err)
		require.Equal(t, netsim.Stats{Packets: 1, PacketBytes: 5}, n.Stats())
	})
}

func TestLossAndReordering(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		n := netsim.New(1)
		n.SetLink(a, b, netsim.Link{Latency: time.Millisecond, Jitter: 10 * time.Millisecond, Loss: 0.25})
		got := receivers(t, n, a, b)
		for i := range 400 {
			n.Forge(a+":7", b+":7", fmt.Appendf(nil, "%03d", i))
		}
		time.Sleep(time.Second)
		arrived := got()[b]
		require.InDelta(t, 300, len(arrived), 40)
		require.EqualValues(t, 400-len(arrived), n.Stats().Lost)
		require.False(t, slices.IsSorted(arrived))
	})
}

// TestQueueIsBounded: what nobody reads is lost at last.
func TestQueueIsBounded(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		n := netsim.New(1)
		l, p, err := n.Host(b).Listen(t.Context(), ":7")
		require.NoError(t, err)
		n.Host(a)
		for range 3000 {
			n.Forge(a+":7", b+":7", []byte("x"))
		}
		require.EqualValues(t, 3000-1024, n.Stats().Lost)
		require.NoError(t, l.Close())
		require.NoError(t, p.Close())
	})
}

func TestNames(t *testing.T) {
	n := netsim.New(1)
	h := n.Host(a)
	_, err := h.LookupHost(t.Context(), "mesh.example.org")
	var unknown *net.DNSError
	require.ErrorAs(t, err, &unknown)
	require.True(t, unknown.IsNotFound)
	n.SetName("mesh.example.org", a, b)
	ips, err := h.LookupHost(t.Context(), "mesh.example.org")
	require.NoError(t, err)
	require.Equal(t, []string{a, b}, ips)
	ips, err = h.LookupHost(t.Context(), c)
	require.NoError(t, err)
	require.Equal(t, []string{c}, ips)
	n.SetSRV("_mesh._tcp.example.org", &net.SRV{Target: "mesh.example.org", Port: 7})
	_, records, err := h.LookupSRV(t.Context(), "mesh", "tcp", "example.org")
	require.NoError(t, err)
	require.Len(t, records, 1)
	_, _, err = h.LookupSRV(t.Context(), "other", "tcp", "example.org")
	require.ErrorAs(t, err, &unknown)
}
