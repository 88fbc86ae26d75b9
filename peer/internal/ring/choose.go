package ring

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
	if len(c.top) == 1 {
		if p, ok := c.chooseByDraw(s); ok {
			return p
		}
	}
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

// chooseByDraw finds the best of members of one weight: those with the highest draws. It computes two logarithms, and none for who
// is not among them. ok is false where draws lie so close that their scores may be equal.
func (c *chooser) chooseByDraw(s uint32) (p place, ok bool) {
	var top [3]uint64
	first, second := uint16(nobody), uint16(nobody)
	for i, hash := range c.r.hashes {
		switch d := draw(hash, s); {
		case d > top[0]:
			top[2], top[1], top[0] = top[1], top[0], d
			second, first = first, uint16(i)
		case d > top[1]:
			top[2], top[1] = top[1], d
			second = uint16(i)
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
