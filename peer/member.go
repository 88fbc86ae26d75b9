package peer

import (
	"fmt"
	"time"
)

// Member is one node of the mesh as this node sees it. Meta is shared by all copies: it is not to be changed.
type Member struct {
	ID         string // keeps its value when the process restarts
	Addr       string // host:port at which others reach it
	Zone, Rack string
	Weight     uint32 // of its share of the ring
	Level      uint32 // feature level that it knows
	Version    string // of its build
	State      State
	Since      time.Time // when this node saw it enter State; time.Since tells how long ago
	Meta       []byte    // what it said with SetMeta
	Self       bool      // it is this node
}

// State is whether a member lives.
type State uint8

const (
	// Alive members answer.
	Alive State = iota
	// Failed members do not answer; they may come back.
	Failed
	// Left members said that they go.
	Left
)

func (s State) String() string {
	switch s {
	case Alive:
		return "alive"
	case Failed:
		return "failed"
	case Left:
		return "left"
	}
	return fmt.Sprintf("state %d", uint8(s))
}
