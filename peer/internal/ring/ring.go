package ring

import (
	"cmp"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// slots is how finely keys are told apart: 262 slots a member at 1,000 members make a share exact to 0.4 %. A ring takes
// 6.5 MiB, that of one member half a MiB.
const slots = 1 << 18

// Member is one node of the mesh.
type Member struct {
	ID     string
	Weight uint32 // its share of keys in proportion to others', say its capacity in MiB; 0 owns nothing
}

func compareID(a, b Member) int { return cmp.Compare(a.ID, b.ID) }

// Ring is which member owns which slot. It does not change.
type Ring struct {
	members []Member // with a weight, by ID
	hashes  []uint64 // of their IDs
	places  []place  // of each slot, where there is more than one member
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
func New(members ...Member) *Ring { return (&Ring{}).Change(members, nil) }

// With is the ring with m added, or with its new weight: the same as New makes of all of them, in less time.
func (r *Ring) With(m Member) *Ring { return r.Change([]Member{m}, nil) }

// Without is the ring without a member.
func (r *Ring) Without(id string) *Ring { return r.Change(nil, []string{id}) }

// Change is the ring with some members added, or with their new weights, and some gone. What comes costs a look at each
// slot for each member, what goes a look at all members for the slots in which it was first or second.
func (r *Ring) Change(come []Member, gone []string) *Ring {
	c := r.plan(come, gone)
	switch {
	case c == nil:
		return r
	case len(c.to.members) == 0:
		return c.to
	}
	c.run()
	c.to.balance()
	return c.to
}

// nobody is second in a ring of one.
const nobody = 1<<16 - 1

func (r *Ring) score(member int, slot uint32) uint64 {
	return score(r.hashes[member], slot, r.members[member].Weight)
}

// weight is that of all members together.
func (r *Ring) weight() (sum uint64) {
	for _, m := range r.members {
		sum += uint64(m.Weight)
	}
	return sum
}

func (r *Ring) find(id string) (int, bool) {
	return slices.BinarySearchFunc(r.members, Member{ID: id}, compareID)
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
