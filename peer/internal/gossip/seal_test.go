package gossip_test

import (
	"bytes"
	"encoding/hex"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/peer/internal/gossip"
)

var (
	here  = netip.MustParseAddrPort("10.0.0.1:7946")
	there = netip.MustParseAddrPort("10.0.0.2:7946")
)

// clock is set by hand.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func newClock() *clock { return &clock{time.Unix(1_700_000_000, 0)} }

func sealers(c *clock) (from, to gossip.Sealer) {
	return gossip.NewSealer(here, "test", c.now, secret), gossip.NewSealer(there, "test", c.now, secret)
}

func TestSealedPacketOpensOnce(t *testing.T) {
	from, to := sealers(newClock())
	b := from.Seal([]byte("payload"), there)
	got, err := to.Open(bytes.Clone(b))
	require.NoError(t, err)
	require.Equal(t, "payload", string(got))
	_, err = to.Open(b)
	require.ErrorIs(t, err, gossip.ErrReplay)
}

// TestForged: what was changed, is for somebody else, of another cluster or another secret is refused.
func TestForged(t *testing.T) {
	c := newClock()
	from, to := sealers(c)
	b := from.Seal([]byte("payload"), there)
	for i := 1; i < len(b); i++ {
		changed := bytes.Clone(b)
		changed[i] ^= 1
		_, err := to.Open(changed)
		require.ErrorIs(t, err, gossip.ErrForged, "byte %d", i)
	}
	for name, s := range map[string]gossip.Sealer{
		"for another node": gossip.NewSealer(here, "test", c.now, secret),
		"another cluster":  gossip.NewSealer(there, "tset", c.now, secret),
		"another secret":   gossip.NewSealer(there, "test", c.now, secret+"!"),
		"no secret":        gossip.NewSealer(there, "test", c.now),
	} {
		_, err := s.Open(b)
		require.ErrorIs(t, err, gossip.ErrForged, name)
		require.Zero(t, s.Runs(), "nothing is remembered of who cannot prove who he is")
	}
	for _, short := range [][]byte{nil, b[:1], b[:gossip.SealLen], append([]byte{2}, b[1:]...)} {
		_, err := to.Open(short)
		require.ErrorIs(t, err, gossip.ErrShort)
	}
	_, err := to.Open(b)
	require.NoError(t, err)
}

func TestOldSecretsAreAccepted(t *testing.T) {
	c := newClock()
	old := gossip.NewSealer(here, "test", c.now, secret)
	both := gossip.NewSealer(there, "test", c.now, "the new secret, longer", secret)
	_, err := both.Open(old.Seal([]byte("x"), there))
	require.NoError(t, err)
	_, err = old.Open(both.Seal([]byte("x"), here))
	require.ErrorIs(t, err, gossip.ErrForged)
}

// TestTime: a packet is good for five minutes, and only for a node that was there when it was sent.
func TestTime(t *testing.T) {
	c := newClock()
	from, to := sealers(c)
	late := from.Seal([]byte("late"), there)
	c.t = c.t.Add(gossip.MaxSkew + time.Millisecond)
	_, err := to.Open(late)
	require.ErrorIs(t, err, gossip.ErrTime)
	early := from.Seal([]byte("early"), there)
	c.t = c.t.Add(-gossip.MaxSkew - time.Millisecond)
	_, err = to.Open(early)
	require.ErrorIs(t, err, gossip.ErrTime)
	b := from.Seal([]byte("x"), there)
	c.t = c.t.Add(3 * time.Second)
	again := gossip.NewSealer(there, "test", c.now, secret) // the node restarted
	_, err = again.Open(b)
	require.ErrorIs(t, err, gossip.ErrTime)
}

// TestWindow compares with a set, for packets that are lost, late, and sent again.
func TestWindow(t *testing.T) {
	from, to := sealers(newClock())
	rnd := rand.New(rand.NewPCG(1, 2))
	taken := map[uint64]bool{}
	var highest uint64
	for i := range 20_000 {
		n := max(1, int64(highest)+rnd.Int64N(400)-350)
		if i%100 == 0 {
			n = max(1, n-gossip.WindowLen)
		}
		if i%1000 == 999 {
			n += 2 * gossip.WindowLen
		}
		c := uint64(n)
		from.SetRun(7, c-1)
		_, err := to.Open(from.Seal([]byte("x"), there))
		if taken[c] || c+gossip.WindowLen <= highest {
			require.ErrorIs(t, err, gossip.ErrReplay, "counter %d, highest %d", c, highest)
		} else {
			require.NoError(t, err, "counter %d, highest %d", c, highest)
		}
		taken[c] = true
		highest = max(highest, c)
	}
	require.Greater(t, highest, uint64(10_000))
}

// TestRunsAreBounded: what is remembered of many runs does not grow without bound, and goes when it is of no use.
func TestRunsAreBounded(t *testing.T) {
	c := newClock()
	from, to := sealers(c)
	open := func(run uint64) error {
		from.SetRun(run, 0)
		_, err := to.Open(from.Seal([]byte("x"), there))
		return err
	}
	for run := range uint64(gossip.MaxBoots) {
		require.NoError(t, open(run))
	}
	require.ErrorIs(t, open(gossip.MaxBoots), gossip.ErrCrowded)
	c.t = c.t.Add(gossip.Forget + time.Second)
	require.NoError(t, open(gossip.MaxBoots))
	require.Equal(t, 1, to.Runs())
}

// TestGolden holds the format: nodes of two versions must understand each other.
func TestGolden(t *testing.T) {
	from, _ := sealers(newClock())
	from.SetRun(0x0102030405060708, 41)
	require.Equal(t, "017f0102030405060708000000000000002a0000018bcfe56800c9d6f5e2893404f46d0e8feadaccbf737061796c6f6164", hex.EncodeToString(from.Seal([]byte("payload"), there)))
}

// FuzzOpen: whatever comes, nothing of it is taken, and nothing breaks.
func FuzzOpen(f *testing.F) {
	from, _ := sealers(newClock())
	f.Add(from.Seal([]byte("payload"), here))
	f.Add(make([]byte, gossip.SealLen+1))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, to := sealers(newClock())
		_, err := to.Open(b)
		require.Error(t, err)
	})
}
