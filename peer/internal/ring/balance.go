package ring

import (
	"cmp"
	"slices"
)

// A share may lie 4 % from the fair one, so that 5 % can be promised whatever the rounding.
const (
	lowest  = 96
	highest = 104
	fair    = 100
)

// balance makes the owners of the firsts.
func (r *Ring) balance() {
	r.owner = make([]uint16, slots)
	if len(r.members) == 1 {
		return
	}
	b := balancer{r: r, have: make([]int, len(r.members)), low: make([]int, len(r.members)), high: make([]int, len(r.members))}
	for s := range r.places {
		first := r.places[s].first
		r.owner[s] = first
		b.have[first]++
	}
	total := r.weight()
	for i, m := range r.members {
		share := uint64(m.Weight) * slots
		b.low[i] = int(share * lowest / (total * fair))
		b.high[i] = int((share*highest + total*fair - 1) / (total * fair))
	}
	if b.any(func(m int) bool { return b.have[m] > b.high[m] }) {
		b.shed()
	}
	if b.any(func(m int) bool { return b.have[m] < b.low[m] }) {
		b.fill()
	}
}

// balancer moves slots from members that have too many to those that have too few.
type balancer struct {
	r               *Ring
	have, low, high []int // slots of each member
}

func (b *balancer) any(so func(member int) bool) bool {
	for m := range b.have {
		if so(m) {
			return true
		}
	}
	return false
}

// claim is a slot that could move, and how narrowly its owner won it: taker's score over the owner's, in 1/2^20.
type claim struct {
	slot   uint32
	margin uint64
}

// claims lists the slots of which want says so, narrowest first; the taker's score comes from its second value.
func (b *balancer) claims(want func(s uint32, p *place) (uint64, bool)) []claim {
	var list []claim
	for s := range b.r.places {
		p := &b.r.places[s]
		if taker, ok := want(uint32(s), p); ok {
			list = append(list, claim{uint32(s), taker / (p.best>>20 + 1)})
		}
	}
	slices.SortFunc(list, func(a, b claim) int { return cmp.Or(cmp.Compare(a.margin, b.margin), cmp.Compare(a.slot, b.slot)) })
	return list
}

// shed moves what members above their bound won most narrowly to the second in the slot, while that has room.
func (b *balancer) shed() {
	for _, c := range b.claims(func(_ uint32, p *place) (uint64, bool) { return p.next, b.have[p.first] > b.high[p.first] }) {
		p := &b.r.places[c.slot]
		if b.have[p.first] > b.high[p.first] && b.have[p.second] < b.high[p.second] {
			b.move(c.slot, p.second)
		}
	}
}

// fill gives members below their bound what they lost most narrowly, of members that can spare it: first where they are
// second, which is nearly always enough, then anywhere.
func (b *balancer) fill() {
	for _, c := range b.claims(func(s uint32, p *place) (uint64, bool) {
		return p.next, b.r.owner[s] == p.first && b.have[p.second] < b.low[p.second]
	}) {
		p := &b.r.places[c.slot]
		if b.have[p.second] < b.low[p.second] && b.have[p.first] > b.low[p.first] {
			b.move(c.slot, p.second)
		}
	}
	for m := range b.have {
		if b.have[m] < b.low[m] {
			b.fillAnywhere(uint16(m))
		}
	}
}

func (b *balancer) fillAnywhere(m uint16) {
	for _, c := range b.claims(func(s uint32, _ *place) (uint64, bool) { return b.r.score(int(m), s), b.r.owner[s] != m }) {
		owner := b.r.owner[c.slot]
		if b.have[m] < b.low[m] && b.have[owner] > b.low[owner] {
			b.move(c.slot, m)
		}
	}
}

func (b *balancer) move(slot uint32, to uint16) {
	b.have[b.r.owner[slot]]--
	b.have[to]++
	b.r.owner[slot] = to
}
