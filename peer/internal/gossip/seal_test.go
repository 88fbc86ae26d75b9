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

// clock is moved and set by hand.
type clock struct {
	t       time.Time // what it shows
	elapsed time.Duration
}

func newClock() *clock { return &clock{t: time.Unix(1_700_000_000, 0)} }

// pass lets time pass; set sets the clock, and no time passes.
func (c *clock) pass(d time.Duration)    { c.set(d); c.elapsed += d }
func (c *clock) set(ahead time.Duration) { c.t = c.t.Add(ahead) }

// start starts a node that has this clock.
func (c *clock) start(self netip.AddrPort, cluster string, secrets ...string) gossip.Sealer {
	began := c.elapsed
	return gossip.NewSealer(self, cluster, func() time.Time { return c.t }, func() time.Duration { return c.elapsed - began }, secrets...)
}

func sealers(c *clock) (from, to gossip.Sealer) {
	return c.start(here, "test", secret), c.start(there, "test", secret)
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
		"for another node": c.start(here, "test", secret),
		"another cluster":  c.start(there, "tset", secret),
		"another secret":   c.start(there, "test", secret+"!"),
		"no secret":        c.start(there, "test"),
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
	old := c.start(here, "test", secret)
	both := c.start(there, "test", "the new secret, longer", secret)
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
	c.pass(gossip.MaxSkew + time.Millisecond)
	_, err := to.Open(late)
	require.ErrorIs(t, err, gossip.ErrTime)
	early := from.Seal([]byte("early"), there)
	c.set(-gossip.MaxSkew - time.Millisecond)
	_, err = to.Open(early)
	require.ErrorIs(t, err, gossip.ErrTime)
	b := from.Seal([]byte("x"), there)
	c.pass(3 * time.Second)
	again := c.start(there, "test", secret) // the node restarted
	_, err = again.Open(b)
	require.ErrorIs(t, err, gossip.ErrTime)
}

// TestClockIsSet: an hour that a clock was wrong at the start costs nothing once it is set, either way, and lets nothing in that
// was recorded before the start.
func TestClockIsSet(t *testing.T) {
	for _, d := range []time.Duration{-time.Hour, time.Hour} {
		c, right := newClock(), newClock()
		c.set(-d)
		from := right.start(here, "test", secret)
		recorded := from.Seal([]byte("x"), there)
		c.pass(3 * time.Second)
		right.pass(3 * time.Second)
		to := c.start(there, "test", secret)
		_, err := to.Open(from.Seal([]byte("x"), there))
		require.ErrorIs(t, err, gossip.ErrTime, "it is an hour off")
		c.set(d)
		_, err = to.Open(from.Seal([]byte("x"), there))
		require.NoError(t, err)
		_, err = to.Open(recorded)
		require.ErrorIs(t, err, gossip.ErrReplay)
	}
}

// TestClockIsSetLater: who is heard stays heard when a clock is set, his or ours, however short we have run; what was recorded
// before we started stays out.
func TestClockIsSetLater(t *testing.T) {
	for _, theirs := range []bool{true, false} {
		right, c := newClock(), newClock()
		from := right.start(here, "test", secret)
		recorded := [][]byte{from.Seal([]byte("before"), there), from.Seal([]byte("before, too"), there)}
		right.pass(3 * time.Second)
		c.pass(3 * time.Second)
		to := c.start(there, "test", secret)
		_, err := to.Open(from.Seal([]byte("first"), there))
		require.NoError(t, err)
		if theirs {
			right.set(-4 * time.Minute)
		} else {
			c.set(4 * time.Minute)
		}
		for range 2 {
			_, err = to.Open(from.Seal([]byte("next"), there))
			require.NoError(t, err)
		}
		for _, b := range recorded {
			_, err = to.Open(b)
			require.Error(t, err)
		}
		c.t = right.t // no clock is off now
		for _, b := range recorded {
			_, err = to.Open(b)
			require.ErrorIs(t, err, gossip.ErrReplay)
		}
	}
}

// TestWindow compares with a set, for packets that are lost, late, and sent again.
func TestWindow(t *testing.T) {
	from, to := sealers(newClock())
	rnd := rand.New(rand.NewPCG(1, 2))
	taken := map[uint64]bool{}
	const first = 3
	from.SetRun(7, first-1)
	_, err := to.Open(from.Seal([]byte("x"), there))
	require.NoError(t, err)
	highest := uint64(first)
	for c := range uint64(first + 1) {
		taken[c] = true
	}
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
	c.set(2 * gossip.Forget)
	require.ErrorIs(t, open(gossip.MaxBoots), gossip.ErrCrowded, "no time has passed")
	c.set(-4 * gossip.Forget)
	c.pass(gossip.Forget)
	from.SetRun(7, 1)
	_, err := to.Open(from.Seal([]byte("its second"), there))
	require.NoError(t, err)
	c.pass(time.Second)
	require.NoError(t, open(gossip.MaxBoots))
	require.Equal(t, 2, to.Runs(), "the new one, and what was heard just now")
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
