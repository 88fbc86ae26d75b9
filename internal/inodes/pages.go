package inodes

import (
	"hash/maphash"
	"strings"
	"sync/atomic"
	"weak"
)

const (
	pageSlots  = 256  // pages that are remembered: 64 Ki entries
	epochSlots = 1024 // directories that share a count of changes list again more often than they must
	leastPage  = 16   // entries that are worth remembering
)

// pages remembers the pages of listings that were made last: entries do not change, so who lists a directory again, or beside
// others, gets the same ones. It holds them weakly, so that a collection of the heap that nobody lists in takes them all.
type pages struct {
	slots  [pageSlots]atomic.Pointer[knownPage]
	epochs [epochSlots]uint32
	least  int
}

// knownPage is a page and what it was asked for.
type knownPage struct {
	dir           uint64
	epoch         uint32
	limit         int
	prefix, after string
	page          weak.Pointer[page]
}

type page struct {
	list []*Entry
	more bool
}

// changed forgets what was listed of a directory. Called by changes, which are alone.
func (p *pages) changed(dir uint32) { p.epochs[dir%epochSlots]++ }

func (p *pages) slot(seed maphash.Seed, dir uint64, after string) *atomic.Pointer[knownPage] {
	return &p.slots[(maphash.String(seed, after)^dir*0x9e3779b97f4a7c15)%pageSlots]
}

// Entries are up to limit children of a directory, whose path with a slash at its end is prefix, from behind the name after,
// in the order of names; more says that there are others. The list is others' as well: it must not be changed.
func (t *Table) Entries(dir uint64, prefix, after string, limit int) (list []*Entry, more bool) {
	d := t.at(dir)
	if d == nil || !d.is(isDir) {
		return nil, false
	}
	slot, epoch := t.pages.slot(t.names.seed, dir, after), t.pages.epochs[uint32(dir)%epochSlots]
	if k := slot.Load(); k != nil && k.dir == dir && k.epoch == epoch && k.limit == limit && k.after == after && k.prefix == prefix {
		if p := k.page.Value(); p != nil {
			return p.list, p.more
		}
	}
	p := &page{}
	p.list, p.more = t.newEntries(d, prefix, after, limit)
	if len(p.list) >= t.pages.least {
		slot.Store(&knownPage{dir, epoch, limit, prefix, strings.Clone(after), weak.Make(p)})
	}
	return p.list, p.more
}
