package disk

import (
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/millpond/millpond/internal/offheap"
)

const maxSlabs = 1 << 15 // with 1<<slabBits entries each, more than a directory has blocks

type slab [1 << slabBits]entry

// slabs holds the entries of all shards by slot, outside the Go heap.
type slabs struct {
	mu  sync.Mutex // to add one
	all [maxSlabs]atomic.Pointer[slab]
	own [][]slab // what offheap gave
}

// at returns the entry of a slot that ensure was called for.
func (s *slabs) at(slot uint32) *entry {
	return &s.all[slot>>slabBits].Load()[slot&(1<<slabBits-1)]
}

// ensure makes sure that a slot has its entry.
func (s *slabs) ensure(slot uint32) {
	p := &s.all[slot>>slabBits]
	if p.Load() != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.Load() == nil {
		b := offheap.Make[slab](1)
		s.own = append(s.own, b)
		p.Store(&b[0])
	}
}

func (s *slabs) give() {
	for _, b := range s.own {
		offheap.Free(b)
	}
}

// newIndex gives d an empty index. Its memory goes when the collector finds d unreachable, and not at Close: a reader
// that meets a Close may still look at an entry.
func (d *Dir) newIndex() {
	s := &slabs{}
	for i := range d.index.shard {
		d.index.shard[i].slabs, d.index.shard[i].number = s, uint32(i)
	}
	runtime.AddCleanup(d, (*slabs).give, s)
}
