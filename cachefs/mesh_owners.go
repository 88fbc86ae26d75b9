package cachefs

import (
	"slices"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/peer"
)

// owners appends up to k live members that own key, in the ring's order, passing over those that leave: what is brought or
// written now would soon have to move. Where all leave, it is they.
func (m *mesh) owners(dst []string, key peer.Key, k int) []string {
	leavers := m.n.tree.Leavers()
	if len(leavers) == 0 {
		return m.p.Owners(dst, key, k)
	}
	all := m.p.Owners(nil, key, k+len(leavers))
	stay := slices.DeleteFunc(slices.Clone(all), func(id string) bool { return leaves(leavers, id) })
	if len(stay) == 0 {
		stay = all
	}
	return append(dst, stay[:min(k, len(stay))]...)
}

// previous is the owner before, while that is fresh: of the ring, or of a key whose owner leaves. It has blocks that the next
// one lacks.
func (m *mesh) previous(key peer.Key) (string, bool) {
	if leavers := m.n.tree.Leavers(); len(leavers) > 0 {
		if first := m.p.Owners(nil, key, 1); len(first) > 0 && leaves(leavers, first[0]) {
			return first[0], true
		}
	}
	return m.p.Previous(key)
}

func leaves(leavers []namespace.Leaver, id string) bool {
	return slices.ContainsFunc(leavers, func(l namespace.Leaver) bool { return l.Node == id })
}
