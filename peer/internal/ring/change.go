package ring

import (
	"slices"

	"github.com/cespare/xxhash/v2"
)

// change is how one ring becomes another.
type change struct {
	from, to *Ring
	now      []uint16 // the new number of each old member; nobody if it is gone
	new      []int    // numbers of members that came
	best     chooser
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
	c.best = newChooser(c.to)
}

// run finds who is best in each slot.
func (c *change) run() {
	c.to.places = make([]place, slots)
	if len(c.new) == len(c.to.members) { // nobody stays
		for s := range c.to.places {
			c.to.places[s] = c.best.choose(uint32(s))
		}
		return
	}
	for s := range c.to.places {
		c.to.places[s] = c.slot(uint32(s))
	}
}

// slot is the new place of a slot: the old one if its members stay, and the new members against them.
func (c *change) slot(s uint32) place {
	p := c.from.places[s]
	if p.first = c.now[p.first]; p.first == nobody {
		return c.best.choose(s)
	}
	if p.second != nobody {
		if p.second = c.now[p.second]; p.second == nobody {
			return c.best.choose(s)
		}
	}
	for _, i := range c.new {
		p.enter(uint16(i), c.to.score(i, s))
	}
	return p
}

// chooser finds the best of all members in a slot. Among members of one weight the highest draws win, so only of a draw
// that is higher than all before but one does it compute a logarithm.
type chooser struct {
	r     *Ring
	class []uint16    // of each member: members of one weight
	top   [][2]uint64 // the highest draws of each class
}

func newChooser(r *Ring) chooser {
	c := chooser{r: r, class: make([]uint16, len(r.members))}
	number := map[uint32]uint16{}
	for i, m := range r.members {
		n, has := number[m.Weight]
		if !has {
			n = uint16(len(number))
			number[m.Weight] = n
		}
		c.class[i] = n
	}
	c.top = make([][2]uint64, len(number))
	return c
}

func (c *chooser) choose(s uint32) place {
	p := place{best: ^uint64(0), next: ^uint64(0), first: nobody, second: nobody}
	clear(c.top)
	for i, hash := range c.r.hashes {
		d, top := draw(hash, s), &c.top[c.class[i]]
		if d <= top[1] {
			continue // of equal scores the earlier member's wins
		}
		if d > top[0] {
			top[0], top[1] = d, top[0]
		} else {
			top[1] = d
		}
		p.enter(uint16(i), scoreOf(d, c.r.members[i].Weight))
	}
	return p
}
