// Package voters decides who votes: a pure step, from what the primary knows to the one change that it makes next.
//
// One, three or five nodes vote, as many as there are for it: two nodes have one voter, since with two the loss of either would
// stop the changes. The others follow. Raft takes one change at a time, so an even number of voters is a state on the
// way: it is entered only when the next step is at hand, and left again.
package voters

import (
	"cmp"
	"slices"
	"time"
)

// Times are how long things must have been so before they count.
type Times struct {
	Settle time.Duration // a node alive before it gets a vote
	Grace  time.Duration // a node failed before it loses its vote
	Forget time.Duration // a node failed before it is no longer sent anything
}

// DefaultTimes are a journal's. 1 s: a process that dies as it starts gets no vote. 10 s: a node that restarts keeps its vote, and
// two that die one after the other are still two steps. A minute of trying to reach a node that does not vote costs little.
var DefaultTimes = Times{Settle: time.Second, Grace: 10 * time.Second, Forget: time.Minute}

// Node is one node, as the primary sees it.
type Node struct {
	ID     string
	Zone   string
	Alive  bool
	Left   bool      // it said good-bye
	Since  time.Time // of Alive and Left
	In     bool      // in the configuration
	Voter  bool      // and has a vote
	Behind bool      // far behind the log, or not known to be near its end
}

// Action is what is to be done with a node.
type Action int

// What is to be done.
const (
	None    Action = iota
	Add            // into the configuration, without a vote
	Promote        // give it a vote
	Demote         // take its vote
	Remove         // out of the configuration
)

func (a Action) String() string { return [...]string{"none", "add", "promote", "demote", "remove"}[a] }

// Change is one change of the configuration.
type Change struct {
	Do Action
	ID string
}

// Step returns the next change, as the primary self makes it. Nodes have different ids; equal input gives an equal answer.
func Step(self string, nodes []Node, t Times, now time.Time) Change {
	s := step{self: self, times: t, now: now, nodes: slices.Clone(nodes)}
	slices.SortFunc(s.nodes, func(a, b Node) int { return cmp.Compare(a.ID, b.ID) })
	s.zones = make(map[string]int)
	for _, n := range s.nodes {
		if n.Voter {
			s.zones[n.Zone]++
		}
	}
	for _, rule := range [...]func() Change{s.gone, s.number, s.spread, s.newcomers, s.forgotten} {
		if c := rule(); c.Do != None {
			return c
		}
	}
	return Change{}
}

type step struct {
	self  string
	times Times
	now   time.Time
	nodes []Node
	zones map[string]int // voters in each
}

func (s *step) lasted(n *Node, d time.Duration) bool { return s.now.Sub(n.Since) >= d }

// gone takes voters out that will not come back: an own vote is not given up here, Close does that.
func (s *step) gone() Change {
	for i := range s.nodes {
		n := &s.nodes[i]
		if n.In && !n.Alive && n.ID != s.self && (n.Left || n.Voter && s.lasted(n, s.times.Grace)) {
			return Change{Remove, n.ID}
		}
	}
	return Change{}
}

// wanted is how many are to vote. A node that has just failed still counts.
func (s *step) wanted() int {
	there := 0
	for i := range s.nodes {
		n := &s.nodes[i]
		if n.In && (n.Alive || !n.Left && !s.lasted(n, s.times.Grace)) {
			there++
		}
	}
	switch {
	case there >= 5:
		return 5
	case there >= 3:
		return 3
	default:
		return 1
	}
}

// number brings the number of voters to what is wanted.
func (s *step) number() Change {
	voters := 0
	for _, n := range s.nodes {
		if n.Voter {
			voters++
		}
	}
	want, ready := s.wanted(), s.candidates()
	switch {
	case voters > want:
		return s.demote()
	case voters == want || len(ready) == 0:
	case voters%2 == 0 || len(ready) >= 2: // odd to odd takes two
		return Change{Promote, ready[0].ID}
	}
	if voters%2 == 0 && voters < want { // one of the two was lost on the way
		return s.demote()
	}
	return Change{}
}

// candidates may get a vote, the best one first: that of the zone with the fewest voters.
func (s *step) candidates() []Node {
	var out []Node
	for _, n := range s.nodes {
		if n.In && !n.Voter && n.Alive && !n.Behind && s.lasted(&n, s.times.Settle) {
			out = append(out, n)
		}
	}
	slices.SortStableFunc(out, func(a, b Node) int { return cmp.Compare(s.zones[a.Zone], s.zones[b.Zone]) })
	return out
}

// demote takes a vote: of a node that does not answer, else of the zone that has the most of them; never the primary's own.
func (s *step) demote() Change {
	var worst *Node
	for i := range s.nodes {
		n := &s.nodes[i]
		if !n.Voter || n.ID == s.self {
			continue
		}
		if worst == nil || !n.Alive && worst.Alive || n.Alive == worst.Alive && s.zones[n.Zone] >= s.zones[worst.Zone] {
			worst = n
		}
	}
	if worst == nil {
		return Change{}
	}
	return Change{Demote, worst.ID}
}

// spread gives a vote to a zone that has two fewer than another one; the next step takes one there.
func (s *step) spread() Change {
	ready := s.candidates()
	if len(ready) == 0 {
		return Change{}
	}
	best := ready[0]
	for _, n := range s.nodes {
		if n.Voter && n.ID != s.self && n.Alive && s.zones[n.Zone] >= s.zones[best.Zone]+2 {
			return Change{Promote, best.ID}
		}
	}
	return Change{}
}

// newcomers takes in who is alive and not there yet.
func (s *step) newcomers() Change {
	for _, n := range s.nodes {
		if !n.In && n.Alive {
			return Change{Add, n.ID}
		}
	}
	return Change{}
}

// forgotten stops sending to nodes without a vote that have failed for long.
func (s *step) forgotten() Change {
	for i := range s.nodes {
		n := &s.nodes[i]
		if n.In && !n.Voter && !n.Alive && n.ID != s.self && s.lasted(n, s.times.Forget) {
			return Change{Remove, n.ID}
		}
	}
	return Change{}
}
