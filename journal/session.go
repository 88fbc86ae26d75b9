package journal

import (
	"crypto/rand"
	"sync"
	"time"
)

// Session hands out operation ids and keeps track of which answers have arrived. Safe for concurrent use; copies share their state.
type Session struct{ s *session }

type session struct {
	id  [16]byte
	now func() int64 // ns

	mu struct {
		sync.Mutex
		next  uint64
		acked uint64              // all up to here are done
		done  map[uint64]struct{} // done beyond acked
	}
}

// Session begins a session. Use one for each independent client and for long: its answers are kept until it acknowledges them.
func (j *Journal) Session() Session { return newSession(j.now) }

// now is the time of an operation: what the entries say goes on where the clock goes back, or the journal would take each
// for a retry that is too old.
func (j *Journal) now() int64 { return max(j.cfg.Now().UnixNano(), j.Time()) }

// NewSession begins a session of a client of the journal's nodes that has no journal. now is its clock.
func NewSession(now func() time.Time) Session {
	return newSession(func() int64 { return now().UnixNano() })
}

func newSession(now func() int64) Session {
	s := &session{now: now}
	_, _ = rand.Read(s.id[:]) // never fails
	s.mu.done = make(map[uint64]struct{})
	return Session{s}
}

// ID is the session's.
func (s Session) ID() [16]byte { return s.s.id }

// Next is the id for a new operation. Retry with the same value; say Done when its answer has been taken or nobody will retry it.
func (s Session) Next() OpID {
	at := s.s.now()
	s.s.mu.Lock()
	defer s.s.mu.Unlock()
	s.s.mu.next++
	return OpID{Session: s.s.id, Seq: s.s.mu.next, Acked: s.s.mu.acked, At: at}
}

// Done acknowledges op: the session's next operations tell the journal to drop its answer.
func (s Session) Done(op OpID) {
	s.s.mu.Lock()
	defer s.s.mu.Unlock()
	m := &s.s.mu
	if op.Session != s.s.id || op.Seq <= m.acked || op.Seq > m.next {
		return
	}
	m.done[op.Seq] = struct{}{}
	for {
		if _, ok := m.done[m.acked+1]; !ok {
			return
		}
		m.acked++
		delete(m.done, m.acked)
	}
}

// Open is how many operations have been handed out and not acknowledged.
func (s Session) Open() int {
	s.s.mu.Lock()
	defer s.s.mu.Unlock()
	return int(s.s.mu.next-s.s.mu.acked) - len(s.s.mu.done)
}
