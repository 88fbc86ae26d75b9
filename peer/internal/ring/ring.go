package ring

import (
	"cmp"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// slots is how finely keys are told apart: 262 slots a member at 1,000 members make a share exact to 0.4 %. A ring takes
// 6.5 MiB.
const slots = 1 << 18

// Member is one node of the mesh.
type Member struct {
	ID     string
	Weight uint32 // its share of keys in proportion to others', say its capacity in MiB; 0 owns nothing
}

// Ring is which member owns which slot. It does not change.
type Ring struct {
	members []Member // with a weight, by ID
	hashes  []uint64 // of their IDs
	places  []place  // of each slot
	owner   []uint16 // of each slot: the first, balanced
}

// place is a slot's best two members and their scores.
type place struct {
	best, next    uint64
	first, second uint16
}

// enter lets a member claim the slot. Of equal scores the earlier member's wins.
func (p *place) enter(member uint16, score uint64) {
	switch {
	case score < p.best || score == p.best && member < p.first:
		p.next, p.second = p.best, p.first
		p.best, p.first = score, member
	case score < p.next || score == p.next && member < p.second:
		p.next, p.second = score, member
	}
}

// New makes the ring of some members, in any order. Of members with one ID the last counts. There may be 65,534.
func New(members ...Member) *Ring {
	byID := map[string]Member{}
	for _, m := range members {
		byID[m.ID] = m
	}
	r := &Ring{}
	for _, m := range byID {
		if m.Weight > 0 {
			r.members = append(r.members, m)
		}
	}
	slices.SortFunc(r.members, func(a, b Member) int { return cmp.Compare(a.ID, b.ID) })
	for _, m := range r.members {
		r.hashes = append(r.hashes, xxhash.Sum64String(m.ID))
	}
	if len(r.members) == 0 {
		return r
	}
	r.places = make([]place, slots)
	for s := range r.places {
		r.choose(uint32(s))
	}
	r.balance()
	return r
}

// choose finds who scores best in a slot.
func (r *Ring) choose(s uint32) {
	p := place{best: ^uint64(0), next: ^uint64(0), first: nobody, second: nobody}
	for i := range r.members {
		p.enter(uint16(i), r.score(i, s))
	}
	r.places[s] = p
}

// nobody is second in a ring of one.
const nobody = 1<<16 - 1

func (r *Ring) score(member int, slot uint32) uint64 {
	return score(r.hashes[member], slot, r.members[member].Weight)
}

// With is the ring with m added, or with its new weight: the same as New makes of all of them, in less time.
func (r *Ring) With(m Member) *Ring {
	i, has := r.find(m.ID)
	switch {
	case has && r.members[i].Weight == m.Weight:
		return r
	case has:
		return r.Without(m.ID).With(m)
	case m.Weight == 0:
		return r
	case len(r.members) == 0:
		return New(m)
	}
	n := &Ring{
		members: slices.Insert(slices.Clone(r.members), i, m),
		hashes:  slices.Insert(slices.Clone(r.hashes), i, xxhash.Sum64String(m.ID)),
		places:  slices.Clone(r.places),
	}
	for s := range n.places {
		p := &n.places[s]
		p.first, p.second = after(p.first, i), after(p.second, i)
		p.enter(uint16(i), n.score(i, uint32(s)))
	}
	n.balance()
	return n
}

// Without is the ring without a member.
func (r *Ring) Without(id string) *Ring {
	i, has := r.find(id)
	switch {
	case !has:
		return r
	case len(r.members) == 1:
		return New()
	}
	n := &Ring{
		members: slices.Delete(slices.Clone(r.members), i, i+1),
		hashes:  slices.Delete(slices.Clone(r.hashes), i, i+1),
		places:  slices.Clone(r.places),
	}
	for s := range n.places {
		p := &n.places[s]
		if p.first == uint16(i) || p.second == uint16(i) {
			n.choose(uint32(s))
			continue
		}
		p.first, p.second = before(p.first, i), before(p.second, i)
	}
	n.balance()
	return n
}

// after and before renumber a member when one comes or goes at i.
func after(member uint16, i int) uint16 {
	if int(member) >= i && member != nobody {
		member++
	}
	return member
}

func before(member uint16, i int) uint16 {
	if int(member) > i && member != nobody {
		member--
	}
	return member
}

func (r *Ring) find(id string) (int, bool) {
	return slices.BinarySearchFunc(r.members, id, func(m Member, id string) int { return cmp.Compare(m.ID, id) })
}

// Members are those with a weight, by ID. The caller does not change them.
func (r *Ring) Members() []Member { return r.members }

// Slot is where a key falls: keys of one slot have the same owners.
func Slot(key []byte) uint32 { return uint32(xxhash.Sum64(key) >> (64 - 18)) }

// Owner is the ID of the member that owns a key; "" in an empty ring.
func (r *Ring) Owner(key []byte) string {
	if len(r.members) == 0 {
		return ""
	}
	return r.members[r.owner[Slot(key)]].ID
}

// Owners appends to ids the owner of a key and its successors, n members at most: who owns the key when those before
// are gone, but for what balancing moves.
func (r *Ring) Owners(ids []string, key []byte, n int) []string {
	n = min(n, len(r.members))
	if n <= 0 {
		return ids
	}
	slot := Slot(key)
	top := make([]candidate, 0, 8)
	owner := int(r.owner[slot])
	for i := range r.members {
		if i != owner {
			top = insert(top, candidate{r.score(i, slot), i}, n-1)
		}
	}
	ids = append(ids, r.members[owner].ID)
	for _, c := range top {
		ids = append(ids, r.members[c.member].ID)
	}
	return ids
}

type candidate struct {
	score  uint64
	member int
}

// insert keeps the n best of top and c, best first; of equal ones the earlier member.
func insert(top []candidate, c candidate, n int) []candidate {
	i := len(top)
	for i > 0 && c.score < top[i-1].score {
		i--
	}
	if i >= n {
		return top
	}
	if len(top) == n {
		top = top[:n-1]
	}
	return slices.Insert(top, i, c)
}
