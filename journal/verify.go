package journal

import (
	"context"

	"github.com/hashicorp/raft"
)

// verify asks the voters whether this node still is the primary: a majority must say so, itself included. Raft's own VerifyLeader counts the
// answers of nodes without a vote too, so that a primary that is cut off together with some of them would believe that it leads.
func (m *mesh) verify(ctx context.Context) error {
	led, _ := m.j.lead.get()
	if led == nil {
		return raft.ErrNotLeader
	}
	ctx, cancel := context.WithTimeout(ctx, callMost)
	defer cancel()
	others := m.otherVoters()
	need := (len(others) + 1) / 2 // with itself more than half
	answers := make(chan bool, len(others))
	for _, id := range others {
		if !m.heartbeat(id, m.j.lead.term(), answers) {
			return ErrClosed
		}
	}
	for left := len(others); need > 0; left-- {
		if left < need {
			return raft.ErrNotLeader
		}
		select {
		case yes := <-answers:
			if yes {
				need--
			}
		case <-led.Done():
			return raft.ErrNotLeader
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if led.Err() != nil {
		return raft.ErrNotLeader
	}
	return nil
}

// heartbeat sends a heartbeat, which a node accepts from the primary of the newest term that it knows.
func (m *mesh) heartbeat(id string, term uint64, answers chan<- bool) bool {
	return m.j.queue.track(func() {
		var resp raft.AppendEntriesResponse
		err := m.trans.Heartbeat(id, term, &resp)
		answers <- err == nil && resp.Success && resp.Term == term
	})
}

func (m *mesh) otherVoters() (ids []string) {
	for _, s := range m.j.raft.GetConfiguration().Configuration().Servers {
		if s.Suffrage == raft.Voter && string(s.ID) != m.j.node {
			ids = append(ids, string(s.ID))
		}
	}
	return ids
}
