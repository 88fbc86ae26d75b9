package netsim_test

import (
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/netsim"
)

// reads reports whether something arrives within a second.
func reads(t *testing.T, c net.Conn) bool {
	t.Helper()
	require.NoError(t, c.SetReadDeadline(time.Now().Add(time.Second)))
	_, err := c.Read(make([]byte, 1))
	return err == nil
}

func TestCutHoldsUpAndHealGoesOn(t *testing.T) {
	for name, cut := range map[string]func(*netsim.Net){
		"both ways":     func(n *netsim.Net) { n.Cut(a, b) },
		"forth":         func(n *netsim.Net) { n.OneWay(a, b) },
		"back":          func(n *netsim.Net) { n.OneWay(b, a) }, // nothing is acknowledged
		"in two groups": func(n *netsim.Net) { n.Partition([]string{a, c}, []string{b, c}) },
	} {
		t.Run(name, func(t *testing.T) {
			bubbletest.Test(t, func(t *testing.T) {
				n := netsim.New(1)
				n.Host(c)
				here, there := connect(t, n)
				_, err := here.Write([]byte("1"))
				require.NoError(t, err)
				time.Sleep(time.Second)
				cut(n)
				_, err = here.Write([]byte("2"))
				require.NoError(t, err)
				require.True(t, reads(t, there), "it had arrived before the cut")
				require.False(t, reads(t, there))
				n.Heal()
				require.True(t, reads(t, there))
			})
		})
	}
}

func TestDialWaitsForHeal(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		n := netsim.New(1)
		l, p, err := n.Host(b).Listen(t.Context(), ":7")
		require.NoError(t, err)
		n.Cut(a, b)
		start := time.Now()
		var wg sync.WaitGroup
		wg.Go(func() {
			c, err := n.Host(a).Dial(t.Context(), b+":7")
			require.NoError(t, err)
			require.GreaterOrEqual(t, time.Since(start), time.Minute)
			require.NoError(t, c.Close())
		})
		time.Sleep(time.Minute)
		n.Heal()
		wg.Wait()
		require.NoError(t, l.Close())
		require.NoError(t, p.Close())
	})
}

func TestPartition(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		n := netsim.New(1)
		got := receivers(t, n, a, b, c)
		n.Partition([]string{a, c}, []string{b, c}) // a and b see c, but not each other
		for _, w := range [][2]string{{a, b}, {b, a}, {a, c}, {c, a}, {b, c}, {c, b}} {
			n.Forge(w[0]+":7", w[1]+":7", []byte(w[0]))
		}
		time.Sleep(time.Second)
		require.Equal(t, map[string][]string{a: {c}, b: {c}, c: {a, b}}, got())
		require.EqualValues(t, 2, n.Stats().Lost)
	})
}

// receivers lets addresses receive packets; it hands out what each got, in order.
func receivers(t *testing.T, n *netsim.Net, ips ...string) func() map[string][]string {
	var mu sync.Mutex
	var wg sync.WaitGroup
	got := map[string][]string{}
	t.Cleanup(wg.Wait)
	for _, ip := range ips {
		l, p, err := n.Host(ip).Listen(t.Context(), ":7")
		require.NoError(t, err)
		wg.Go(func() {
			b := make([]byte, 100)
			for {
				k, _, err := p.ReadFrom(b)
				if err != nil {
					return
				}
				mu.Lock()
				got[ip] = append(got[ip], string(b[:k]))
				mu.Unlock()
			}
		})
		t.Cleanup(func() { _ = l.Close(); _ = p.Close() })
	}
	return func() map[string][]string {
		mu.Lock()
		defer mu.Unlock()
		return got
	}
}

func TestKillResets(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		n := netsim.New(1)
		here, there := connect(t, n)
		old := n.Host(b)
		old.Kill()
		_, err := here.Read(make([]byte, 1))
		require.ErrorIs(t, err, syscall.ECONNRESET)
		_, err = here.Write([]byte("x"))
		require.ErrorIs(t, err, syscall.ECONNRESET)
		_, err = there.Read(make([]byte, 1))
		require.ErrorIs(t, err, net.ErrClosed)
		_, err = old.Dial(t.Context(), a+":7")
		require.ErrorIs(t, err, net.ErrClosed, "the dead do not dial")
		_, _, err = old.Listen(t.Context(), ":7")
		require.ErrorIs(t, err, syscall.ENETDOWN)
		_, err = n.Host(a).Dial(t.Context(), b+":7")
		require.ErrorIs(t, err, syscall.ECONNREFUSED, "the machine is there")
		require.NotSame(t, old, n.Host(b))
	})
}

func TestKillEndsWhoWaits(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		n := netsim.New(1)
		h := n.Host(a)
		l, p, err := h.Listen(t.Context(), ":7")
		require.NoError(t, err)
		var wg sync.WaitGroup
		wg.Go(func() { _, err := l.Accept(); require.ErrorIs(t, err, net.ErrClosed) })
		wg.Go(func() { _, _, err := p.ReadFrom(nil); require.ErrorIs(t, err, net.ErrClosed) })
		wg.Go(func() { _, err := h.Dial(t.Context(), b+":7"); require.ErrorIs(t, err, net.ErrClosed) })
		synctest.Wait()
		h.Kill()
		wg.Wait()
	})
}

// TestVanish: the others hear nothing, until the machine is back and knows nothing of them.
func TestVanish(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		n := netsim.New(1)
		here, _ := connect(t, n)
		n.Host(b).Vanish()
		require.False(t, reads(t, here))
		require.NoError(t, here.SetWriteDeadline(time.Now().Add(time.Second)))
		k, err := here.Write(make([]byte, 1<<20))
		require.Error(t, err)
		require.Equal(t, 256<<10, k, "nothing is acknowledged")
		n.Host(b)
		require.NoError(t, here.SetDeadline(time.Time{}))
		_, err = io.ReadAll(here)
		require.ErrorIs(t, err, syscall.ECONNRESET)
	})
}
