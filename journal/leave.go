package journal

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/millpond/millpond/journal/internal/wire"
)

const (
	// handOverMost bounds handing over where Close's context does not: an election and some changes of the configuration.
	handOverMost = 5 * time.Second
	// unledMost is how long nobody may have led: an election takes less than 2 s, and a node that is cut off waits for nothing.
	unledMost = 3 * time.Second
)

var (
	errNoHeir   = errors.New("no other node is near enough to the end of the log")
	errTogether = errors.New("others that leave have not said so yet")
)

// handOver leaves the mesh so that the others need not miss this node first: the leadership goes to another voter, the vote back
// to the primary. It ends with ctx, when nobody is left to take over, or when nobody has led for a while, counted from before it began. took says that another node leads on.
func (m *mesh) handOver(ctx context.Context) (took bool) {
	ctx, cancel := context.WithTimeout(ctx, handOverMost)
	defer cancel()
	if m.j.err() != nil || m.turn(wire.Leaving) != nil {
		return false
	}
	for ctx.Err() == nil && m.j.err() == nil && m.j.Unled() < unledMost {
		to, changed := m.j.lead.primary()
		done, err := m.handOverOnce(ctx, to)
		if done != stays {
			return done == taken
		}
		m.j.log.Debug("handing over", "error", err)
		_ = waitFor(ctx, changed, retryPause)
	}
	return false
}

// takeAlong tells new nodes that there is nothing to join any more, where no other node has any of the journal and this one keeps nothing of
// it: they would wait for it for ever. What Last does they wait for.
func (m *mesh) takeAlong() {
	if m.j.cfg.Dir != "" || len(m.inState(wire.Member)) > 0 {
		return
	}
	if err := m.peers.Announce(wire.Meta{State: wire.Leaving}.Append(nil)); err != nil {
		m.j.log.Warn("new nodes are not told that the journal ends", "error", err)
	}
}

// handing is how far handing over is.
type handing int

const (
	stays handing = iota // it is to be tried again
	taken                // another node leads, and knows that this one goes
	last                 // there is nobody
)

func (m *mesh) handOverOnce(ctx context.Context, primary string) (handing, error) {
	others := m.inState(wire.Member)
	switch {
	case len(others) == 0 && !m.together(primary):
		return last, nil
	case primary == m.j.node && len(others) == 0:
		return stays, errTogether
	case primary == m.j.node:
		return stays, m.yield(ctx, others)
	case primary == "":
		return stays, ErrNoPrimary
	}
	led, cancel := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() { m.untilLost(led, primary, cancel) })
	defer watch.Wait()
	defer cancel()
	if _, err := m.call(led, primary, wire.Leave, nil); err != nil {
		return stays, err
	}
	return taken, nil
}

// untilLost ends what the primary is asked when another one leads, or nobody has for a while: it was cut off, or died. One that takes
// this node out falls silent here before it answers.
func (m *mesh) untilLost(ctx context.Context, primary string, end func()) {
	for {
		id, changed := m.j.lead.primary()
		if id != primary && (id != "" || m.j.Unled() >= unledMost) {
			end()
			return
		}
		if waitFor(ctx, changed, retryPause) != nil {
			return
		}
	}
}

// together says whether others that leave at the same time are to be waited for: where the last node has something to do, it is the
// primary that does it, when all have told it that they go and given their votes back. Else it would have no majority, and they
// would take themselves for the last.
func (m *mesh) together(primary string) bool {
	if m.j.cfg.Last == nil {
		return false
	}
	leaving := m.inState(wire.Leaving)
	if primary != m.j.node {
		return len(leaving) > 0 // one of them leads, or will
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.ContainsFunc(leaving, func(id string) bool {
		_, told := m.mu.leaving[id]
		return !told
	})
}

// yield makes another node primary, one that votes, or gives the first one that can have it a vote.
func (m *mesh) yield(ctx context.Context, others []string) error {
	var heir string
	for _, id := range others {
		switch s, in := m.suffrage(id); {
		case in && s == raft.Voter && m.isNear(ctx, id): // raft waits for ever for one that it does not reach
			return m.j.raft.LeadershipTransferToServer(raft.ServerID(id), raft.ServerAddress(id)).Error()
		case in && heir == "" && m.isNear(ctx, id):
			heir = id
		}
	}
	if heir == "" {
		return errNoHeir
	}
	return m.seat(ctx, func() error {
		if !slices.Contains(m.inState(wire.Member), heir) {
			return errNoHeir // it has gone meanwhile: as a voter it would be missed
		}
		return m.j.raft.AddVoter(raft.ServerID(heir), raft.ServerAddress(heir), 0, configTimeout).Error()
	})
}

// seat gives or takes a vote while nobody else does.
func (m *mesh) seat(ctx context.Context, change func() error) error {
	select {
	case m.seats <- struct{}{}:
		defer func() { <-m.seats }()
		return change()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// isNear reports whether a node answers, and has nearly all of the log.
func (m *mesh) isNear(ctx context.Context, id string) bool {
	ctx, cancel := context.WithTimeout(ctx, statusTime)
	defer cancel()
	r, err := m.status(ctx, id)
	return err == nil && r.Last+near >= m.j.raft.LastIndex()
}

// serveLeave takes a node that closes out of the configuration.
func (m *mesh) serveLeave(ctx context.Context, from string) []byte {
	err := m.seat(ctx, func() error {
		if _, in := m.suffrage(from); in {
			err := m.configure(func() raft.Future { return m.j.raft.RemoveServer(raft.ServerID(from), 0, configTimeout) })
			if err != nil {
				return err
			}
		}
		m.noteLeaving(from)
		return nil
	})
	if err != nil {
		return m.changeFailed(err)
	}
	return wire.Answer(wire.OK, nil)
}
