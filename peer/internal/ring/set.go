package ring

import "slices"

// Set is the members of a mesh, by ID. It does not change. A ring is made of it when somebody asks who owns a key.
type Set struct{ members []Member }

// NewSet makes a set of members with different IDs, in any order.
func NewSet(members ...Member) *Set {
	ms := slices.Clone(members)
	slices.SortFunc(ms, compareID)
	return &Set{ms}
}

// Members are all of them, by ID. The caller does not change them.
func (s *Set) Members() []Member { return s.members }

func (s *Set) find(id string) (int, bool) {
	return slices.BinarySearchFunc(s.members, Member{ID: id}, compareID)
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

// Ring is the ring of the set: what New makes of its members. It is made faster from one, may be nil, that has nearly
// the same.
func (s *Set) Ring(near *Ring) *Ring {
	if near == nil {
		return New(s.members...)
	}
	var gone []string
	for _, m := range near.members {
		if _, stays := s.find(m.ID); !stays {
			gone = append(gone, m.ID)
		}
	}
	if len(gone) > len(near.members)/2 {
		return New(s.members...)
	}
	return near.Change(s.members, gone)
}
