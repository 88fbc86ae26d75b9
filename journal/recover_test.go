package journal_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/journal"
	"github.com/millpond/millpond/journal/journaltest"
)

func TestRecoverAfterMajorityIsLost(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		g.grow("a", "b", "c", "d")
		for i, id := range g.ids() {
			for range i + 1 {
				g.nodes[id].add("k")
			}
		}
		g.same("k", 10)
		p := g.primary().id
		var voters, left []string
		for _, id := range g.ids() {
			if g.nodes[id].Metrics().Role == journal.RoleLearner || id == p {
				left = append(left, id)
			} else {
				voters = append(voters, id)
			}
		}
		require.Len(t, voters, 2)
		learner := others(left, p)[0]
		refused := func(lost []string, why string) {
			_, err := g.nodes[learner].Recover(t.Context(), lost)
			require.ErrorIs(t, err, journal.ErrNotLost)
			require.ErrorContains(t, err, why)
		}
		refused(voters, "leads")
		// The learner misses a change that p and one more had: p's replica is the newest one.
		g.crash(learner)
		g.nodes[voters[0]].add("k")
		g.crash(voters[0])
		disk := g.disks[voters[0]]
		g.crash(voters[1])
		time.Sleep(5 * time.Second) // p leads no more, and what it still had to send has been given up
		g.open(learner)
		require.ErrorIs(t, g.nodes[learner].tryAdd("k", 5*time.Second), journal.ErrNoPrimary)
		refused(nil, "is not named as lost")
		refused(voters[:1], "is not named as lost")
		refused(append(voters, p), "and answers")
		got, err := g.nodes[learner].Recover(t.Context(), voters)
		require.NoError(t, err)
		require.Equal(t, p, got.From)
		g.nodes[learner].add("k")
		g.same("k", 12)
		// It goes on as any journal does, over restarts and with new nodes.
		g.open("e").add("k")
		time.Sleep(3 * time.Second)
		g.crash(p)
		g.open(p).add("k")
		g.same("k", 14)
		// One that was lost is back: it has another history.
		g.disks[voters[0]] = disk
		back := g.open(voters[0])
		var other *journal.ClusterError
		_, err = back.Recover(t.Context(), voters[1:])
		require.ErrorIs(t, err, journal.ErrNotLost)
		require.ErrorIs(t, back.tryAdd("k", 5*time.Second), journal.ErrNoPrimary)
		cfg := g.config("f")
		_, err = g.tryOpen(cfg, 10*time.Second)
		require.ErrorAs(t, err, &other, "a new node does not choose between the two")
		g.sameOn(others(g.ids(), back.id), "k", 14)
	})
}

// TestOnlyVoterLost: two nodes have one voter. Without it changes wait until it is back, or until somebody says that it is gone.
func TestOnlyVoterLost(t *testing.T) {
	for _, back := range []bool{true, false} {
		mesh(t, func(t *testing.T, g *group) {
			g.grow("a", "b")
			g.nodes["b"].add("k")
			g.crash("a")
			require.ErrorIs(t, g.nodes["b"].tryAdd("k", 20*time.Second), journal.ErrNoPrimary)
			require.Equal(t, 1, g.nodes["b"].reg.get("k"), "reads go on")
			if back {
				g.open("a")
			} else {
				_, err := g.nodes["b"].Recover(context.Background(), []string{"a"})
				require.NoError(t, err)
			}
			g.nodes["b"].add("k")
			g.same("k", 2)
		})
	}
}

func TestAloneHasNothingToRecover(t *testing.T) {
	j, _ := open(t, journal.Config{})
	_, err := j.Recover(t.Context(), nil)
	require.ErrorIs(t, err, journal.ErrNotLost)
}

// TestRecoverWaitsForTheSlowest: a node without a vote has what the others lack, and answers late. It is waited for, as long as it
// lives; where there is no time for that, an error names it.
func TestRecoverWaitsForTheSlowest(t *testing.T) {
	for _, then := range []string{"answers", "dies", "is silent"} {
		mesh(t, func(t *testing.T, g *group) {
			g.grow("a", "b", "c", "d", "e", "f")
			p := g.primary()
			var voters []string
			var slow string
			for _, id := range others(g.ids(), p.id) {
				if g.nodes[id].Metrics().Role == journal.RoleLearner {
					slow = id
				} else {
					voters = append(voters, id)
				}
			}
			require.Len(t, voters, 4)
			require.NotEmpty(t, slow)
			stays, lost := voters[:2], append(voters[2:], p.id)
			p.add("k")
			g.same("k", 1)
			for _, id := range stays {
				g.net.Cut(id, p.id, true)
			}
			p.add("k")
			time.Sleep(200 * time.Millisecond)
			for _, id := range lost {
				g.crash(id)
			}
			g.net.Heal()
			time.Sleep(5 * time.Second)
			require.Equal(t, 1, g.nodes[stays[0]].reg.get("k"))

			g.net.Cut(stays[0], slow, true) // it is seen to live, by way of the other one
			time.Sleep(5 * time.Second)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			switch then {
			case "answers":
				time.AfterFunc(30*time.Second, g.net.Heal)
			case "dies":
				time.AfterFunc(30*time.Second, func() { g.net.Crash(slow) })
			}
			got, err := g.nodes[stays[0]].Recover(ctx, lost)
			if then == "is silent" {
				require.ErrorIs(t, err, journal.ErrNotLost)
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.ErrorContains(t, err, "node "+slow)
				g.net.Heal()
				return
			}
			require.NoError(t, err)
			if then == "dies" {
				require.Contains(t, stays, got.From)
				require.Equal(t, []string{slow}, got.Silent)
				g.sameOn(stays, "k", 1)
				return
			}
			require.Equal(t, slow, got.From)
			require.Empty(t, got.Silent)
			g.same("k", 2)
		})
	}
}

// TestRecoverWithoutTheSlow: a node that lives and does not answer may be named as lost; the result tells that it was there.
func TestRecoverWithoutTheSlow(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		g.grow("a", "b", "c", "d")
		var slow string
		for _, id := range g.ids() {
			if g.nodes[id].Metrics().Role == journal.RoleLearner {
				slow = id
			}
		}
		voters := others(g.ids(), slow)
		for _, id := range voters[1:] {
			g.crash(id)
		}
		g.net.Peer("e", journaltest.Options{}) // by way of which the slow one is seen to live
		defer g.net.Crash("e")
		time.Sleep(5 * time.Second)
		g.net.Cut(voters[0], slow, true)
		time.Sleep(5 * time.Second)
		got, err := g.nodes[voters[0]].Recover(t.Context(), append(voters[1:], slow))
		require.NoError(t, err)
		require.Equal(t, voters[0], got.From)
		require.Equal(t, []string{slow}, got.Silent)
		g.net.Heal()
	})
}

// mutable are peers to whom streams can be made to bring nothing more, while calls go on.
type mutable struct {
	journal.Peers
	mute *atomic.Bool
}

func (p mutable) Dial(ctx context.Context, id string) (net.Conn, error) {
	c, err := p.Peers.Dial(ctx, id)
	return mutableConn{c, p.mute}, err
}

type mutableConn struct {
	net.Conn
	mute *atomic.Bool
}

func (c mutableConn) Write(b []byte) (int, error) {
	if c.mute.Load() {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

// TestChangeThatOnlyALostVoterHad was acknowledged to the node that sent it and did not come back to its replica: it waits for that in
// vain when the journal has been begun anew without the voter. It makes the change once more, and others go on.
func TestChangeThatOnlyALostVoterHad(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		var mute atomic.Bool
		cfg := g.config("a")
		cfg.Peers = mutable{cfg.Peers, &mute}
		_, err := g.tryOpen(cfg, time.Minute)
		require.NoError(t, err)
		b := g.open("b")
		b.add("k")
		mute.Store(true)
		added := make(chan error, 1)
		go func() { added <- b.tryAdd("k", time.Minute) }()
		time.Sleep(50 * time.Millisecond)
		require.Equal(t, 2, g.nodes["a"].reg.get("k"))
		require.Equal(t, 1, b.reg.get("k"))
		g.crash("a")
		time.Sleep(5 * time.Second)
		_, err = b.Recover(t.Context(), []string{"a"})
		require.NoError(t, err)
		require.NoError(t, <-added)
		b.add("k")
		g.same("k", 3)
	})
}
