// Package policytest measures eviction policies by the share of a trace's
// accesses that hit, next to LRU.
package policytest

import (
	"container/list"

	"github.com/millpond/millpond/internal/policy"
)

// Cache is what a trace is played to.
type Cache interface {
	// Access uses key, brings it in if it is absent, and reports whether it was there.
	Access(key uint32) bool
}

// Ratio plays the trace from the state the cache is in, and returns the share that hit.
func Ratio(c Cache, trace []uint32) float64 {
	hits := 0
	for _, k := range trace {
		if c.Access(k) {
			hits++
		}
	}
	return float64(hits) / float64(len(trace))
}

// Ours is a cache of capacity equal blocks under a policy.Policy. Not for concurrent use.
type Ours struct {
	Policy *policy.Policy
	slots  map[uint32]uint32
	keys   []uint32 // by slot
	free   []uint32
}

// NewOurs makes an empty one.
func NewOurs(capacity, shards int) *Ours {
	o := &Ours{
		Policy: policy.New(policy.Config{Capacity: uint64(capacity), Shards: shards}),
		slots:  make(map[uint32]uint32, capacity),
		keys:   make([]uint32, capacity+1),
	}
	for i := range o.keys {
		o.free = append(o.free, uint32(i))
	}
	return o
}

// Access implements Cache.
func (o *Ours) Access(key uint32) bool {
	if slot, ok := o.slots[key]; ok {
		o.Policy.Hit(slot)
		return true
	}
	slot := o.free[len(o.free)-1]
	o.free = o.free[:len(o.free)-1]
	o.slots[key], o.keys[slot] = slot, key
	o.Policy.Add(uint64(key), slot, 1)
	if len(o.free) == 0 {
		victim, _ := o.Policy.Evict(func(uint32) bool { return true })
		delete(o.slots, o.keys[victim])
		o.free = append(o.free, victim)
	}
	return false
}

// LRU is the least-recently-used cache to compare with. Not for concurrent use.
type LRU struct {
	capacity int
	order    *list.List
	at       map[uint32]*list.Element
}

// NewLRU makes an empty one.
func NewLRU(capacity int) *LRU {
	return &LRU{capacity: capacity, order: list.New(), at: make(map[uint32]*list.Element, capacity)}
}

// Access implements Cache.
func (l *LRU) Access(key uint32) bool {
	if e, ok := l.at[key]; ok {
		l.order.MoveToFront(e)
		return true
	}
	l.at[key] = l.order.PushFront(key)
	if l.order.Len() > l.capacity {
		back := l.order.Back()
		delete(l.at, l.order.Remove(back).(uint32))
	}
	return false
}
