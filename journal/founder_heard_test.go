package journal_test

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/journal"
	"github.com/millpond/millpond/journal/internal/wire"
	"github.com/millpond/millpond/journal/journaltest"
)

// turning is a new node that says that it is something else from a time on.
type turning struct {
	at time.Time
	is wire.Meta
}

func (turning) ServeStream(_ string, conn net.Conn) { _ = conn.Close() }

func (s turning) ServeCall(context.Context, string, []byte) ([]byte, error) {
	var r wire.Replica
	if !time.Now().Before(s.at) {
		r.Meta = s.is
	}
	return wire.Answer(wire.OK, r.Append(nil)), nil
}

// TestFounderAsksTheOthers: one that begins its own journal has not heard of this one, and is waited for; one that has begun it was first.
func TestFounderAsksTheOthers(t *testing.T) {
	for state, meets := range map[wire.NodeState]bool{wire.Founding: false, wire.Member: true} {
		mesh(t, func(t *testing.T, g *group) {
			began := time.Now()
			s := turning{at: began.Add(4 * time.Second), is: wire.Meta{State: state, Cluster: [16]byte{1}}}
			g.net.Peer("s", journaltest.Options{}).Serve(s)
			cfg := g.config("a")
			if meets {
				cfg.Last = func(context.Context) error { t.Error("nobody has used it"); return nil }
			}
			_, err := g.tryOpen(cfg, time.Minute)
			if meets {
				var other *journal.ClusterError
				require.ErrorAs(t, err, &other)
				require.Equal(t, "s", other.Node)
				require.ErrorContains(t, err, "open again to join them")
				return
			}
			require.NoError(t, err)
			require.GreaterOrEqual(t, time.Since(began), 6*time.Second)
		})
	}
}

// TestFounderMeetsOthersWhileItWaits: nodes that were cut off have begun theirs, and are back while this one waits for another to hear of its.
func TestFounderMeetsOthersWhileItWaits(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		g.net.Peer("s", journaltest.Options{}).Serve(silent{})
		g.net.Partition([]string{"a", "s"}, []string{"b"})
		time.AfterFunc(4*time.Second, g.net.Heal)
		failed := g.openAll("/d/j", time.Minute, "a", "b")
		var other *journal.ClusterError
		require.ErrorAs(t, failed["a"], &other)
		require.Equal(t, "b", other.Node)
		g.nodes["b"].add("k")
		g.open("a").add("k")
		g.same("k", 2)
	})
}

// lagging is a state machine that takes its time.
type lagging struct {
	*register
	by time.Duration
}

func (l lagging) Apply(es []journal.Entry) [][]byte {
	time.Sleep(l.by)
	return l.register.Apply(es)
}

// TestFounderIsBackAmongOthers: it is killed before it knew that all had heard, and those that had have gone on without it. It is a node
// with a replica, as any: what it shows has all that was acknowledged.
func TestFounderIsBackAmongOthers(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		g.net.Peer("s", journaltest.Options{}).Serve(silent{})
		cfg := g.config("a")
		cfg.Expect, cfg.BootstrapWait = 4, time.Minute
		ctx, cancel := context.WithCancel(t.Context())
		var first sync.WaitGroup
		first.Go(func() {
			_, err := journal.Open(ctx, cfg, newRegister())
			assert.Error(t, err)
		})
		require.Empty(t, g.openAll("/d/j", 30*time.Second, "b", "c"))
		g.nodes["b"].add("k")
		time.Sleep(10 * time.Second)
		g.net.Crash("a")
		g.disks["a"] = g.disks["a"].CrashKeepingNothing()
		cancel()
		first.Wait()
		g.net.Crash("s")
		g.nodes["c"].add("k")
		r := newRegister()
		a, err := journal.Open(t.Context(), g.config("a"), lagging{r, time.Second})
		require.NoError(t, err)
		g.nodes["a"] = &node{Journal: a, t: t, id: "a", reg: r, session: a.Session()}
		require.Equal(t, 2, r.get("k"))
	})
}

// joins counts how often a node asks to be taken in.
type joins struct {
	journal.Peers
	asked *atomic.Int64
}

func (p joins) Call(ctx context.Context, id string, req []byte) ([]byte, error) {
	if k, _, _, err := wire.ParseRequest(req); err == nil && k == wire.Join {
		p.asked.Add(1)
	}
	return p.Peers.Call(ctx, id, req)
}

// TestNewNodeThatCatchesUpForLong asks once to be taken in, however long that takes: each time may cost it the vote that it has by then.
func TestNewNodeThatCatchesUpForLong(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		g.open("a").add("k")
		var asked atomic.Int64
		cfg, r := g.config("b"), newRegister()
		cfg.Peers = joins{cfg.Peers, &asked}
		b, err := journal.Open(t.Context(), cfg, lagging{r, 10 * time.Second})
		require.NoError(t, err)
		g.nodes["b"] = &node{Journal: b, t: t, id: "b", reg: r, session: b.Session()}
		require.Equal(t, 1, r.get("k"))
		require.EqualValues(t, 1, asked.Load())
	})
}

// TestMemberThatCatchesUpForLong: one that was away shows what was acknowledged meanwhile, though that takes longer than BootstrapWait.
func TestMemberThatCatchesUpForLong(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		g.grow("a", "b")
		g.crash("b")
		for range 300 { // several batches
			g.nodes["a"].add("k")
		}
		r := newRegister()
		began := time.Now()
		b, err := journal.Open(t.Context(), g.config("b"), lagging{r, 2 * time.Second})
		require.NoError(t, err)
		g.nodes["b"] = &node{Journal: b, t: t, id: "b", reg: r, session: b.Session()}
		require.Equal(t, 300, r.get("k"))
		require.Greater(t, time.Since(began), 3*time.Second, "BootstrapWait")
	})
}
