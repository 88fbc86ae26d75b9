package ring

import (
	"cmp"
	"slices"
)

// Set is the members of a mesh, by ID. It does not change. A ring is made of it when somebody asks who owns a key.
type Set struct{ members []Member }

// NewSet makes a set of members with different IDs, in any order.
func NewSet(members ...Member) *Set {
	ms := slices.Clone(members)
	slices.SortFunc(ms, byID)
	return &Set{ms}
}

func byID(a, b Member) int { return cmp.Compare(a.ID, b.ID) }

// Members are all of them, by ID. The caller does not change them.
func (s *Set) Members() []Member { return s.members }

func (s *Set) find(id string) (int, bool) {
	return slices.BinarySearchFunc(s.members, Member{ID: id}, byID)
}

// With is the set with m added, or with its new weight.
func (s *Set) With(m Member) *Set {
	i, has := s.find(m.ID)
	switch {
	case !has:
		return &Set{slices.Insert(slices.Clone(s.members), i, m)}
	case s.members[i] == m:
		return s
	}
	ms := slices.Clone(s.members)
	ms[i] = m
	return &Set{ms}
}

// Without is the set without a member.
func (s *Set) Without(id string) *Set {
	i, has := s.find(id)
	if !has {
		return s
	}
	return &Set{slices.Delete(slices.Clone(s.members), i, i+1)}
}

// fewSteps is up to how many members' coming and going one ring is changed into another; New is faster beyond.
const fewSteps = 4

// Ring is the ring of the set: what New makes of its members. It is made faster from one, may be nil, that has nearly
// the same.
func (s *Set) Ring(near *Ring) *Ring {
	if near == nil {
		return New(s.members...)
	}
	have := &Set{near.members}
	var gone, come []Member
	for _, m := range have.members {
		if _, stays := s.find(m.ID); !stays {
			gone = append(gone, m)
		}
	}
	for _, m := range s.members {
		if i, has := have.find(m.ID); !has || have.members[i] != m {
			come = append(come, m)
		}
	}
	if len(gone)+len(come) > fewSteps {
		return New(s.members...)
	}
	r := near
	for _, m := range come {
		r = r.With(m)
	}
	for _, m := range gone {
		r = r.Without(m.ID)
	}
	return r
}
