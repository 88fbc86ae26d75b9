package voters_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/millpond/millpond/journal/internal/voters"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var times = voters.DefaultTimes

// world is some nodes and a primary among them, which lives and votes.
type world struct {
	now   time.Time
	self  string
	nodes []voters.Node
}

func drawWorld(t *rapid.T) *world {
	w := &world{now: time.Unix(1_000_000, 0)}
	count := rapid.IntRange(1, 12).Draw(t, "nodes")
	self := rapid.IntRange(0, count-1).Draw(t, "self")
	w.self = fmt.Sprintf("n%d", self)
	for i := range count {
		n := voters.Node{
			ID: fmt.Sprintf("n%d", i), Zone: rapid.SampledFrom([]string{"x", "y", "z"}).Draw(t, "zone"),
			Alive: i == self || rapid.Bool().Draw(t, "alive"), In: i == self || rapid.Bool().Draw(t, "in"),
			Behind: rapid.Bool().Draw(t, "behind"),
			Since:  w.now.Add(-time.Duration(rapid.IntRange(0, 90).Draw(t, "since")) * time.Second),
		}
		n.Left = !n.Alive && rapid.Bool().Draw(t, "left")
		n.Voter = i == self || n.In && rapid.Bool().Draw(t, "voter")
		w.nodes = append(w.nodes, n)
	}
	return w
}

func (w *world) step() voters.Change { return voters.Step(w.self, w.nodes, times, w.now) }

func (w *world) node(id string) *voters.Node {
	i := slices.IndexFunc(w.nodes, func(n voters.Node) bool { return n.ID == id })
	return &w.nodes[i]
}

func (w *world) apply(c voters.Change) {
	n := w.node(c.ID)
	switch c.Do {
	case voters.Add:
		n.In = true
	case voters.Promote:
		n.Voter = true
	case voters.Demote:
		n.Voter = false
	case voters.Remove:
		n.In, n.Voter = false, false
	}
}

// settle steps until nothing is left to do.
func (w *world) settle(t require.TestingT) {
	for range 200 {
		c := w.step()
		if c.Do == voters.None {
			return
		}
		w.apply(c)
	}
	require.Fail(t, "no end", "%+v", w.nodes)
}

func (w *world) voters() (all, alive int) {
	for _, n := range w.nodes {
		if n.Voter {
			all++
			if n.Alive {
				alive++
			}
		}
	}
	return all, alive
}

func (w *world) majority() bool {
	all, alive := w.voters()
	return alive > all/2
}

// TestStepIsLawful looks at one change of any world.
func TestStepIsLawful(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		before := w.majority()
		c := w.step()
		shuffled := rapid.Permutation(w.nodes).Draw(t, "order")
		require.Equal(t, c, voters.Step(w.self, shuffled, times, w.now), "the order of the nodes does not matter")
		if c.Do == voters.None {
			return
		}
		n := *w.node(c.ID)
		switch c.Do {
		case voters.Add:
			require.True(t, n.Alive && !n.In, "%+v", n)
		case voters.Promote:
			require.True(t, n.Alive && n.In && !n.Voter && !n.Behind && w.now.Sub(n.Since) >= times.Settle, "%+v", n)
		case voters.Demote:
			require.True(t, n.Voter && n.ID != w.self, "%+v", n)
		case voters.Remove:
			require.True(t, n.In && !n.Alive && n.ID != w.self, "%+v", n)
			require.True(t, n.Left || w.now.Sub(n.Since) >= times.Grace, "it may come back: %+v", n)
		}
		w.apply(c)
		if before {
			require.True(t, w.majority(), "%v has taken the majority away: %+v", c, w.nodes)
		}
	})
}

// TestStepsEnd lets the steps run in a world that stays as it is.
func TestStepsEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		for i := range w.nodes {
			w.nodes[i].Behind = false
			w.nodes[i].Since = w.now.Add(-times.Forget)
		}
		w.settle(t)
		alive := 0
		zones, spare := map[string]int{}, map[string]bool{}
		for _, n := range w.nodes {
			require.Equal(t, n.Alive, n.In, "%+v", n)
			if !n.Alive {
				continue
			}
			alive++
			if n.Voter {
				zones[n.Zone]++
			} else {
				spare[n.Zone] = true
			}
		}
		all, voting := w.voters()
		require.Equal(t, all, voting, "whoever votes lives")
		require.Equal(t, wanted(alive), all, "%d alive", alive)
		for a := range spare {
			for z, n := range zones {
				if z == w.node(w.self).Zone && n == 2 { // one of them is the primary's, and stays
					continue
				}
				require.Less(t, n, zones[a]+2, "zone %s has %d votes, %s has %d and could have more", z, n, a, zones[a])
			}
		}
	})
}

func wanted(alive int) int {
	switch {
	case alive >= 5:
		return 5
	case alive >= 3:
		return 3
	default:
		return 1
	}
}

// TestGrowAndShrink starts nodes and takes them away, killed or with a good-bye, one at a time. While the votes have settled between,
// a majority of the voters lives at each moment, and at each step of the way.
func TestGrowAndShrink(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{now: time.Unix(1_000_000, 0), self: "n0"}
		w.nodes = []voters.Node{{ID: "n0", Alive: true, In: true, Voter: true, Since: w.now.Add(-time.Hour)}}
		started := 1
		for range rapid.IntRange(10, 60).Draw(t, "moves") {
			var alive []int
			for i, n := range w.nodes {
				if n.Alive {
					alive = append(alive, i)
				}
			}
			if len(alive) == 1 || len(alive) < 20 && rapid.Bool().Draw(t, "start") {
				w.nodes = append(w.nodes, voters.Node{ID: fmt.Sprintf("n%d", started), Alive: true, Since: w.now})
				started++
			} else {
				n := &w.nodes[alive[rapid.IntRange(0, len(alive)-1).Draw(t, "who")]]
				if all, _ := w.voters(); n.Voter && all == 1 {
					continue // two nodes, one voter: see DESIGN; its Close hands over first
				}
				n.Alive, n.Left, n.Since = false, rapid.Bool().Draw(t, "left"), w.now
				w.elect()
			}
			for range 30 { // half a minute, second by second
				w.now = w.now.Add(time.Second)
				for c := w.step(); c.Do != voters.None; c = w.step() {
					require.True(t, w.majority(), "nobody could agree to %v: %+v", c, w.nodes)
					w.apply(c)
				}
				require.True(t, w.majority(), "stuck: %+v", w.nodes)
			}
		}
	})
}

// elect makes a living voter primary if the primary has gone.
func (w *world) elect() {
	if w.node(w.self).Alive {
		return
	}
	for _, n := range w.nodes {
		if n.Alive && n.Voter {
			w.self = n.ID
			return
		}
	}
}

func TestNodeThatIsBehindDoesNotVote(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	node := func(id string, voter, behind bool) voters.Node {
		return voters.Node{ID: id, Alive: true, In: true, Voter: voter, Behind: behind, Since: now.Add(-time.Minute)}
	}
	step := func(nodes ...voters.Node) voters.Change { return voters.Step("a", nodes, times, now) }
	require.Equal(t, voters.Change{}, step(node("a", true, false), node("b", false, false), node("c", false, true)),
		"one more alone would be two voters")
	require.Equal(t, voters.Change{Do: voters.Promote, ID: "b"}, step(node("a", true, false), node("b", false, false), node("c", false, false)))
	require.Equal(t, voters.Change{Do: voters.Promote, ID: "c"}, step(node("a", true, false), node("b", true, false), node("c", false, false)))
	require.Equal(t, voters.Change{Do: voters.Demote, ID: "b"}, step(node("a", true, false), node("b", true, false), node("c", false, true)),
		"and is left again if the third one fell behind")
}

func TestWhoLosesItsVote(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	node := func(id, zone string, alive bool) voters.Node {
		return voters.Node{ID: id, Zone: zone, Alive: alive, In: true, Voter: true, Since: now.Add(-time.Second)}
	}
	for name, c := range map[string]struct {
		nodes []voters.Node
		want  string
	}{
		"the one that does not answer":           {[]voters.Node{node("a", "x", true), node("b", "x", false), node("c", "x", true), node("d", "x", true)}, "b"},
		"one of the zone that has the most":      {[]voters.Node{node("a", "x", true), node("b", "y", true), node("c", "y", true), node("d", "z", true)}, "c"},
		"never the primary, though its zone has": {[]voters.Node{node("a", "x", true), node("b", "y", true)}, "b"},
	} {
		require.Equal(t, voters.Change{Do: voters.Demote, ID: c.want}, voters.Step("a", c.nodes, times, now), name)
	}
}
