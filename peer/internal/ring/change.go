package ring

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"
)

// change is how one ring becomes another.
type change struct {
	from, to *Ring
	now      []uint16 // the new number of each old member; nobody if it is gone
	new      []int    // numbers of members that came
}

// plan decides who is in the new ring; nil if that changes nothing.
func (r *Ring) plan(come []Member, gone []string) *change {
	byID := map[string]Member{}
	for _, m := range r.members {
		byID[m.ID] = m
	}
	for _, m := range come {
		byID[m.ID] = m
	}
	for _, id := range gone {
		delete(byID, id)
	}
	c := &change{from: r, to: &Ring{}}
	for _, m := range byID {
		if m.Weight > 0 {
			c.to.members = append(c.to.members, m)
		}
	}
	slices.SortFunc(c.to.members, compareID)
	if slices.Equal(c.to.members, r.members) {
		return nil
	}
	c.number()
	return c
}

// number tells the members that stay from those that came. One with a new weight is another.
func (c *change) number() {
	c.now = make([]uint16, len(c.from.members))
	for i := range c.now {
		c.now[i] = nobody
	}
	for i, m := range c.to.members {
		c.to.hashes = append(c.to.hashes, xxhash.Sum64String(m.ID))
		if old, has := c.from.find(m.ID); has && c.from.members[old] == m {
			c.now[old] = uint16(i)
		} else {
			c.new = append(c.new, i)
		}
	}
}

// stretch is how many slots a goroutine takes at a time: some tenths of a millisecond of work where members are many.
const stretch = 1 << 10

// run finds who is best in each slot, on all processors. A ring of one needs no places: the next one looks at all members.
func (c *change) run() {
	if len(c.to.members) == 1 {
		return
	}
	c.to.places = make([]place, slots)
	anew := len(c.new) == len(c.to.members) || c.from.places == nil
	var taken atomic.Uint32
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			best := newChooser(c.to)
			for end := taken.Add(stretch); end <= slots; end = taken.Add(stretch) {
				for s := end - stretch; s < end; s++ {
					if anew {
						c.to.places[s] = best.choose(s)
					} else {
						c.to.places[s] = c.slot(s, best)
					}
				}
			}
		})
	}
	all.Wait()
}

// slot is the new place of a slot: the old one if its members stay, and the new members against them.
func (c *change) slot(s uint32, best *chooser) place {
	p := c.from.places[s]
	if p.first = c.now[p.first]; p.first == nobody {
		return best.choose(s)
	}
	if p.second != nobody {
		if p.second = c.now[p.second]; p.second == nobody {
			return best.choose(s)
		}
	}
	for _, i := range c.new {
		p.enter(uint16(i), c.to.score(i, s))
	}
	return p
}
