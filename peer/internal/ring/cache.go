package ring

import (
	"slices"
	"sync"
)

// cached is how many rings a Cache keeps: those of a mesh now and before, for nodes that have not heard of the last changes.
const cached = 8

// Cache keeps the rings that were made last, for nodes in one process: all make the same ring of the same members. The zero Cache
// is empty; in a nil one nothing is kept. Safe for concurrent use.
type Cache struct {
	mu   sync.Mutex
	next int // is replaced
	kept [cached]struct {
		set  *Set
		ring func() *Ring
	}
}

// Ring is the ring of s, as s.Ring(near) makes it. Who asks for one that is being made waits for it.
func (c *Cache) Ring(s *Set, near *Ring) *Ring {
	if c == nil {
		return s.Ring(near)
	}
	return c.find(s, near)()
}

func (c *Cache) find(s *Set, near *Ring) func() *Ring {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.kept {
		if k := &c.kept[i]; k.set != nil && slices.Equal(k.set.members, s.members) {
			return k.ring
		}
	}
	k := &c.kept[c.next]
	c.next = (c.next + 1) % cached
	k.set, k.ring = s, sync.OnceValue(func() *Ring { return s.Ring(near) })
	return k.ring
}
