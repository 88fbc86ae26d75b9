package journal

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// verifier answers whether this node still is the primary, for many who ask: those that came while one round of questions was out share
// the next one, since the answers of a round count only for who asked before it began.
type verifier struct {
	m  *mesh
	mu struct {
		sync.Mutex
		running bool
		next    *round
		asked   map[string]*round // nodes that have not answered; the round to ask them for when they have, or nil
	}
}

// round is one question to all voters.
type round struct {
	done    chan struct{} // closed with err
	err     error
	term    uint64
	answers chan bool
}

// ask returns what a round that began after the call has found.
func (v *verifier) ask(ctx context.Context) error {
	v.mu.Lock()
	r := v.mu.next
	if r == nil {
		r = &round{done: make(chan struct{})}
		v.mu.next = r
	}
	if !v.mu.running {
		if v.mu.running = v.m.j.queue.track(v.run); !v.mu.running {
			v.mu.next = nil
			v.mu.Unlock()
			return ErrClosed
		}
	}
	v.mu.Unlock()
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run makes rounds for as long as somebody waits for one.
func (v *verifier) run() {
	for {
		v.mu.Lock()
		r := v.mu.next
		v.mu.next = nil
		if v.mu.running = r != nil; r == nil {
			v.mu.Unlock()
			return
		}
		v.mu.Unlock()
		r.err = v.round(r)
		close(r.done)
	}
}

// round asks the voters: a majority must say that this node leads, itself included. Raft's own VerifyLeader counts the answers of nodes
// without a vote too, so that a primary that is cut off together with some of them would believe that it leads.
func (v *verifier) round(r *round) error {
	led, _ := v.m.j.lead.get()
	if led == nil {
		return raft.ErrNotLeader
	}
	others := v.m.otherVoters()
	need := (len(others) + 1) / 2 // with itself more than half
	r.term, r.answers = v.m.j.lead.term(), make(chan bool, len(others))
	for _, id := range others {
		if !v.heartbeat(id, r) {
			return ErrClosed
		}
	}
	most := time.NewTimer(callMost)
	defer most.Stop()
	for left := len(others); need > 0; left-- {
		if left < need {
			return raft.ErrNotLeader
		}
		select {
		case yes := <-r.answers:
			if yes {
				need--
			}
		case <-led.Done():
			return raft.ErrNotLeader
		case <-most.C:
			return context.DeadlineExceeded
		}
	}
	if led.Err() != nil {
		return raft.ErrNotLeader
	}
	return nil
}

// heartbeat asks one node for a round. One that owes an answer is asked when it has given that, or has failed to: a dead voter, which
// takes seconds to fail, costs one goroutine whatever the number of rounds.
func (v *verifier) heartbeat(id string, r *round) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, owes := v.mu.asked[id]; owes {
		v.mu.asked[id] = r
		return true
	}
	v.mu.asked[id] = nil
	return v.m.j.queue.track(func() { v.beat(id, r) })
}

// beat sends heartbeats, which a node accepts from the primary of the newest term that it knows.
func (v *verifier) beat(id string, r *round) {
	for r != nil {
		var resp raft.AppendEntriesResponse
		err := v.m.trans.Heartbeat(id, r.term, &resp)
		r.answers <- err == nil && resp.Success && resp.Term == r.term
		r = v.again(id)
	}
}

// again is the round that a node is to be asked for next, unless that is over.
func (v *verifier) again(id string) *round {
	v.mu.Lock()
	defer v.mu.Unlock()
	r := v.mu.asked[id]
	if r != nil {
		select {
		case <-r.done:
			r = nil
		default:
		}
	}
	if v.mu.asked[id] = nil; r == nil {
		delete(v.mu.asked, id)
	}
	return r
}

// verify asks the voters whether this node still is the primary.
func (m *mesh) verify(ctx context.Context) error { return m.verifies.ask(ctx) }

func (m *mesh) otherVoters() (ids []string) {
	for _, s := range m.j.raft.GetConfiguration().Configuration().Servers {
		if s.Suffrage == raft.Voter && string(s.ID) != m.j.node {
			ids = append(ids, string(s.ID))
		}
	}
	return ids
}
