package peer

import (
	"errors"
	"sync"
	"time"

	"github.com/millpond/millpond/peer/internal/link"
)

// warnEvery is how often a refusal for one reason is logged: strangers that knock all day long do not fill a disk.
const warnEvery = time.Second

// warned is when refusals were logged, for each reason, of which there are a few.
type warned struct {
	mu      sync.Mutex
	reasons map[error]*silence
}

type silence struct {
	until  time.Time
	others int // refusals that were not logged
}

// now reports whether a refusal for reason is to be logged, and how many were not before it.
func (w *warned) now(reason error) (others int, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.reasons[reason]
	if s == nil {
		if w.reasons == nil {
			w.reasons = map[error]*silence{}
		}
		s = &silence{}
		w.reasons[reason] = s
	}
	if now := time.Now(); now.Before(s.until) {
		s.others++
		return 0, false
	} else {
		s.until = now.Add(warnEvery)
	}
	others, s.others = s.others, 0
	return others, true
}

// reasonOf is one of link's reasons; nil for two nodes with one id.
func reasonOf(err error) error {
	for _, reason := range []error{link.ErrSecret, link.ErrCluster, link.ErrVersion, link.ErrClock, link.ErrIdentity, link.ErrSameID, link.ErrSecurity, link.ErrCertificate, link.ErrNotPeer, link.ErrCrowded} {
		if errors.Is(err, reason) {
			return reason
		}
	}
	return nil
}

// refused tells of a peer that may not be here. That a node finds its own address among those to join is nothing to tell.
func (m *Mesh) refused(addr string, err error) {
	if errors.Is(err, link.ErrSelf) {
		return
	}
	if others, ok := m.warned.now(reasonOf(err)); ok {
		m.cfg.Logger.Warn("peer refused", "addr", addr, "err", err, "others", others)
	}
	if m.cfg.Events.Refused != nil {
		m.cfg.Events.Refused(RefusedInfo{Addr: addr, Err: err})
	}
}
