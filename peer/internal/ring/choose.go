package ring

import "math"

// likely is how many members a chooser looks at in a slot, of many, on average: one slot in 60 then has fewer than two.
const likely = 6

// chooser finds the best of all members in a slot. It is one goroutine's.
//
// Of each weight, draws up to a floor are passed over, which costs the hash alone. The best two of the others are the best of all if they
// score better than a draw at the floor would; where they do not, all members are looked at. So the floors, which come from
// floating-point numbers, decide what a slot costs and never who is best in it.
type chooser struct {
	r      *Ring
	class  []uint16    // of each member: members of one weight
	top    [][2]uint64 // the highest draws of each class
	floor  []uint64    // of each member
	bound  uint64      // no member with a draw below its floor has a lower score
	all    []uint16
	likely []uint16 // is used again for each slot
}

func newChooser(r *Ring) *chooser {
	n := len(r.members)
	c := &chooser{r: r, class: make([]uint16, n), floor: make([]uint64, n), bound: math.MaxUint64, all: make([]uint16, n), likely: make([]uint16, 0, n)}
	number := map[uint32]uint16{}
	total := r.weight()
	for i, m := range r.members {
		class, has := number[m.Weight]
		if !has {
			class = uint16(len(number))
			number[m.Weight] = class
		}
		c.class[i], c.all[i] = class, uint16(i)
		c.floor[i] = floor(likely * float64(m.Weight) / float64(total))
		c.bound = min(c.bound, scoreOf(c.floor[i]|1, m.Weight))
	}
	c.top = make([][2]uint64, len(number))
	return c
}

// floor is what draws exceed that are expected so often: a score is exponentially distributed. It has zeros where sift has no draw yet.
func floor(often float64) uint64 { return uint64(math.Exp(-often)*(1<<(64-undrawn))) << undrawn }

func (c *chooser) choose(s uint32) place {
	if len(c.all) > 2*likely {
		if p := c.among(c.sift(s), s); p.next < c.bound {
			return p
		}
	}
	return c.among(c.all, s)
}

// sift returns the members whose draw is not below their floor, in order. Four at a time are a third faster.
func (c *chooser) sift(s uint32) []uint16 {
	list, hashes, step := c.likely[:0], c.r.hashes, uint64(s)*golden
	floors, i := c.floor[:len(hashes)], 0
	for ; i+4 <= len(hashes); i += 4 {
		h, f := hashes[i:i+4:i+4], floors[i:i+4:i+4]
		if mixTop(h[0]+step) >= f[0] {
			list = append(list, uint16(i))
		}
		if mixTop(h[1]+step) >= f[1] {
			list = append(list, uint16(i+1))
		}
		if mixTop(h[2]+step) >= f[2] {
			list = append(list, uint16(i+2))
		}
		if mixTop(h[3]+step) >= f[3] {
			list = append(list, uint16(i+3))
		}
	}
	for ; i < len(hashes); i++ {
		if mixTop(hashes[i]+step) >= floors[i] {
			list = append(list, uint16(i))
		}
	}
	return list
}

// among finds the best of some members, who are in order.
func (c *chooser) among(list []uint16, s uint32) place {
	if len(c.top) == 1 {
		if p, ok := c.amongByDraw(list, s); ok {
			return p
		}
	}
	p := place{best: math.MaxUint64, next: math.MaxUint64, first: nobody, second: nobody}
	clear(c.top)
	for _, i := range list {
		d, top := draw(c.r.hashes[i], s), &c.top[c.class[i]]
		if d <= top[1] {
			continue // of equal scores the earlier member's wins
		}
		if d > top[0] {
			top[0], top[1] = d, top[0]
		} else {
			top[1] = d
		}
		p.enter(i, scoreOf(d, c.r.members[i].Weight))
	}
	return p
}

// amongByDraw finds the best of members of one weight: those with the highest draws. It computes two logarithms, and none for who
// is not among them. ok is false where draws lie so close that their scores may be equal.
func (c *chooser) amongByDraw(list []uint16, s uint32) (p place, ok bool) {
	var top [3]uint64
	first, second := uint16(nobody), uint16(nobody)
	for _, i := range list {
		switch d := draw(c.r.hashes[i], s); {
		case d > top[0]:
			top[2], top[1], top[0] = top[1], top[0], d
			second, first = first, i
		case d > top[1]:
			top[2], top[1] = top[1], d
			second = i
		case d > top[2]:
			top[2] = d
		}
	}
	if second == nobody || alike(top[0], top[1]) || alike(top[1], top[2]) {
		return p, false
	}
	weight := c.r.members[first].Weight
	return place{best: scoreOf(top[0], weight), next: scoreOf(top[1], weight), first: first, second: second}, true
}

// alike reports whether two draws, the higher one first, may have one score: the logarithms of others differ by more than 2^-17,
// which is more than the largest weight leaves of it.
func alike(high, low uint64) bool { return high-low <= high>>16 }
