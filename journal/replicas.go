package journal

import (
	"cmp"
	"context"
	"slices"

	"github.com/hashicorp/raft"
)

// Role is a node's part in the journal.
type Role string

// The roles.
const (
	RolePrimary Role = "primary" // orders the changes
	RoleVoter   Role = "voter"   // a standby: keeps what is acknowledged, and may become primary
	RoleLearner Role = "learner" // follows, without a vote
	RoleNone    Role = "none"    // not in the configuration that the node asked knows
)

// Replica is a node's replica, as far as the node that is asked knows.
type Replica struct {
	ID        string
	Role      Role
	Reached   bool   // it answered; else Index and Lag are not known
	Index     uint64 // last change applied there
	RaftIndex uint64 // of the last entry in its log
	Lag       uint64 // changes that the node asked has applied, and it has not yet
}

// Replicas asks the nodes of the journal how far they are, all at once and each for a second at most; sorted by ID, this node too.
func (j *Journal) Replicas(ctx context.Context) ([]Replica, error) {
	if err := j.err(); err != nil {
		return nil, err
	}
	self := Replica{ID: j.node, Role: j.role(j.node), Reached: true, Index: j.Index(), RaftIndex: j.raft.LastIndex()}
	if j.mesh == nil {
		return []Replica{self}, nil
	}
	all := []Replica{self}
	known := j.mesh.replicas(ctx)
	for _, s := range j.raft.GetConfiguration().Configuration().Servers {
		id := string(s.ID)
		if id == j.node {
			continue
		}
		r := Replica{ID: id, Role: j.role(id)}
		if got, ok := known[id]; ok {
			r.Reached, r.Index, r.RaftIndex = true, got.Index, got.Last
			r.Lag = max(self.Index, got.Index) - got.Index
		}
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b Replica) int { return cmp.Compare(a.ID, b.ID) })
	return all, ctx.Err()
}

// role is a node's in the newest configuration here.
func (j *Journal) role(id string) Role {
	if j.PrimaryID() == id {
		return RolePrimary
	}
	for _, s := range j.raft.GetConfiguration().Configuration().Servers {
		switch {
		case string(s.ID) != id:
		case s.Suffrage == raft.Voter:
			return RoleVoter
		default:
			return RoleLearner
		}
	}
	return RoleNone
}
