package cachefs

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/millpond/millpond/peer"
)

// copiesTime is how long what a peer told of a block's copies is believed; then it is asked again, and tells of new ones.
const copiesTime = 10 * time.Second

// copies remember which peers have a block that is asked for often, as its owner told.
type copies struct{ slots[told] }

type told struct {
	holders []string
	until   time.Time
}

// of are the peers that have a block, as far as is known; not to be changed.
func (c copies) of(key peer.Key, now time.Time) []string {
	s := c.slots.of(key)
	defer s.Unlock()
	if s.key != key || now.After(s.v.until) {
		return nil
	}
	return s.v.holders
}

// learn notes who has a block.
func (c copies) learn(key peer.Key, holders []string, now time.Time) {
	s := c.slots.of(key)
	defer s.Unlock()
	s.key, s.v = key, told{holders, now.Add(copiesTime)}
}

// forget notes that a peer does not have a block after all.
func (c copies) forget(key peer.Key, id string) {
	s := c.slots.of(key)
	defer s.Unlock()
	if s.key == key && slices.Contains(s.v.holders, id) { // which others may be reading
		s.v.holders = slices.DeleteFunc(slices.Clone(s.v.holders), func(h string) bool { return h == id })
	}
}

// told takes what the owner of a block says of its copies. Nodes that are no members any more are left out.
func (m *mesh) told(key peer.Key, holders []string) {
	now := time.Now()
	if len(holders) == 0 || len(m.copies.of(key, now)) > 0 {
		return
	}
	live := m.p.Members()
	holders = slices.DeleteFunc(holders, func(id string) bool {
		return id == m.n.id || !slices.ContainsFunc(live, func(p peer.Member) bool { return p.ID == id && p.State == peer.Alive })
	})
	m.copies.learn(key, holders, now)
}

// amongCopies puts one of those that have a block before its owner, each as often as the owner itself.
func (m *mesh) amongCopies(key peer.Key, asks []ask) []ask {
	holders := m.copies.of(key, time.Now())
	i := rand.IntN(len(holders) + 1)
	if i == len(holders) {
		return asks
	}
	return append([]ask{{peer: holders[i]}}, slices.DeleteFunc(asks, func(a ask) bool { return a.peer == holders[i] && !a.fill })...)
}
