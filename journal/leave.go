package journal

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/raft"

	"github.com/millpond/millpond/journal/internal/wire"
)

// handOverMost bounds handing over where Close's context does not: an election and some changes of the configuration.
const handOverMost = 5 * time.Second

var errNoHeir = errors.New("no other node is near enough to the end of the log")

// handOver leaves the mesh so that the others need not miss this node first: the leadership goes to another voter, the vote back
// to the primary. It ends with ctx, or when nobody is left to take over.
func (m *mesh) handOver(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, handOverMost)
	defer cancel()
	if m.j.err() != nil || m.turn(wire.Leaving) != nil {
		return
	}
	for ctx.Err() == nil && m.j.err() == nil {
		to, changed := m.j.lead.primary()
		done, err := m.handOverOnce(ctx, to)
		if done {
			return
		}
		m.j.log.Debug("handing over", "error", err)
		_ = waitFor(ctx, changed, retryPause)
	}
}

func (m *mesh) handOverOnce(ctx context.Context, primary string) (done bool, err error) {
	others := m.mayKnow("")
	switch {
	case len(others) == 0:
		return true, nil // nobody to hand over to
	case primary == m.j.node:
		return false, m.yield(ctx, others)
	case primary == "":
		return false, ErrNoPrimary
	}
	_, err = m.call(ctx, primary, wire.Leave, nil)
	return err == nil, err
}

// yield makes another node primary, one that votes, or gives the first one that can have it a vote.
func (m *mesh) yield(ctx context.Context, others []string) error {
	var heir string
	for _, id := range others {
		switch s, in := m.suffrage(id); {
		case in && s == raft.Voter:
			return m.j.raft.LeadershipTransferToServer(raft.ServerID(id), raft.ServerAddress(id)).Error()
		case in && heir == "" && m.isNear(ctx, id):
			heir = id
		}
	}
	if heir == "" {
		return errNoHeir
	}
	return m.j.raft.AddVoter(raft.ServerID(heir), raft.ServerAddress(heir), 0, configTimeout).Error()
}

func (m *mesh) isNear(ctx context.Context, id string) bool {
	r, err := m.status(ctx, id)
	return err == nil && r.Last+near >= m.j.raft.LastIndex()
}

// serveLeave takes a node that closes out of the configuration.
func (m *mesh) serveLeave(from string) []byte {
	if _, in := m.suffrage(from); in {
		if err := m.j.raft.RemoveServer(raft.ServerID(from), 0, configTimeout).Error(); err != nil {
			return m.changeFailed(err)
		}
	}
	return wire.Answer(wire.OK, nil)
}
