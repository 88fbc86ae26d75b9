package peer

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/millpond/millpond/peer/internal/ring"
)

// view is the members at one time, and who owns what. It does not change.
type view struct {
	table       *table
	members     []Member // by ID
	down        int      // members that are not alive
	set, before *ring.Set
	lasted      *ring.Set                       // see ring.Tracker
	until       time.Time                       // that is of use
	rings       func() (now, before *ring.Ring) // made when they are first asked for
	lastedRing  func() *ring.Ring               // likewise, if there is a lasted
	asked       atomic.Bool                     // they were, by a caller
	replaced    chan struct{}                   // closed when another view is shown
}

func (v *view) makeRings() (now, before *ring.Ring) {
	now = v.table.rings.Ring(v.set, v.table.last.Load())
	if v.before != nil {
		before = v.table.rings.Ring(v.before, now)
	}
	v.table.last.Store(now)
	return now, before
}

func (v *view) makeLasted() *ring.Ring {
	now, before := v.rings()
	if v.lasted == v.before {
		return before
	}
	return v.table.rings.Ring(v.lasted, now)
}

func (v *view) find(id string) (Member, bool) {
	i, ok := slices.BinarySearchFunc(v.members, id, func(m Member, id string) int {
		if m.ID < id {
			return -1
		} else if m.ID > id {
			return 1
		}
		return 0
	})
	if !ok {
		return Member{}, false
	}
	return v.members[i], true
}

func (v *view) alive(id string) bool {
	m, ok := v.find(id)
	return ok && m.State == Alive
}

// owners appends to dst up to n live owners of a key, the first one first.
func (v *view) owners(dst []string, key Key, n int) []string {
	if !v.asked.Load() {
		v.asked.Store(true)
	}
	r, _ := v.rings()
	if v.down == 0 {
		return r.Owners(dst, key[:], n)
	}
	at := len(dst)
	dst = r.Owners(dst, key[:], n+v.down)
	live := slices.DeleteFunc(dst[at:], func(id string) bool { return !v.alive(id) })
	return dst[:at+min(n, len(live))]
}

// previous is who owned a key before the ring changed, if that is fresh, and lives, and is another node than now.
func (v *view) previous(key Key) (string, bool) {
	if v.before == nil {
		return "", false
	}
	now, before := v.rings()
	was := before.Owner(key[:])
	if was == now.Owner(key[:]) || !v.alive(was) {
		return "", false
	}
	return was, true
}

// owned reports whether this node owns a key, or has taken itself for its owner of late.
func (v *view) owned(key Key) bool {
	self := v.table.self
	if now, _ := v.rings(); now.Owner(key[:]) == self {
		return true
	}
	if v.lasted == nil || !time.Now().Before(v.until) {
		return false
	}
	return v.lastedRing().Owner(key[:]) == self
}
