package tier

import (
	"iter"
	"math/bits"
	"sync"
	"sync/atomic"
)

// index finds blocks in memory by name: chains whose heads and links are atomic pointers, so that readers take no lock.
// Writers lock a stripe of the buckets. The number of buckets is fixed: one for each 16 KiB of the tier.
type index struct {
	heads  []atomic.Pointer[Block]
	shift  uint
	stripe [64]sync.Mutex
	blocks atomic.Int64
}

func (x *index) init(size int64) {
	n := max(1<<10, min(1<<24, size/(16<<10)))
	b := bits.Len64(uint64(n - 1))
	x.heads = make([]atomic.Pointer[Block], 1<<b)
	x.shift = uint(64 - b)
}

func (x *index) get(id *BlockID, hash uint64) *Block {
	for b := x.heads[hash>>x.shift].Load(); b != nil; b = b.next.Load() {
		if b.id == *id {
			return b
		}
	}
	return nil
}

func (x *index) lock(hash uint64) *sync.Mutex { return &x.stripe[hash>>x.shift%uint64(len(x.stripe))] }

func (x *index) add(b *Block) bool {
	mu := x.lock(b.key)
	mu.Lock()
	defer mu.Unlock()
	if x.get(&b.id, b.key) != nil {
		return false
	}
	head := &x.heads[b.key>>x.shift]
	b.next.Store(head.Load())
	head.Store(b)
	x.blocks.Add(1)
	return true
}

// remove unlinks b. A reader that stands on it still finds its way on.
func (x *index) remove(b *Block) bool {
	mu := x.lock(b.key)
	mu.Lock()
	defer mu.Unlock()
	for at := &x.heads[b.key>>x.shift]; ; {
		k := at.Load()
		switch {
		case k == nil:
			return false
		case k == b:
			at.Store(b.next.Load())
			x.blocks.Add(-1)
			return true
		}
		at = &k.next
	}
}

// all yields the blocks, those that come or go meanwhile perhaps.
func (x *index) all() iter.Seq[*Block] {
	return func(yield func(*Block) bool) {
		for i := range x.heads {
			for b := x.heads[i].Load(); b != nil; b = b.next.Load() {
				if !yield(b) {
					return
				}
			}
		}
	}
}

// slotTable numbers blocks for the policy, which knows nothing but small numbers.
type slotTable struct {
	mu     sync.Mutex
	free   []uint32
	chunks atomic.Pointer[[]*slotChunk]
	used   uint32
}

const slotsPerChunk = 1 << 12

type slotChunk [slotsPerChunk]atomic.Pointer[Block]

func (t *slotTable) take(b *Block) uint32 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if k := len(t.free); k > 0 {
		s := t.free[k-1]
		t.free = t.free[:k-1]
		(*t.chunks.Load())[s/slotsPerChunk][s%slotsPerChunk].Store(b)
		return s
	}
	s := t.used
	t.used++
	if s%slotsPerChunk == 0 {
		t.growLocked()
	}
	(*t.chunks.Load())[s/slotsPerChunk][s%slotsPerChunk].Store(b)
	return s
}

// growLocked publishes a table with a chunk more.
func (t *slotTable) growLocked() {
	var chunks []*slotChunk
	if p := t.chunks.Load(); p != nil {
		chunks = *p
	}
	chunks = append(chunks[:len(chunks):len(chunks)], new(slotChunk))
	t.chunks.Store(&chunks)
}

func (t *slotTable) give(s uint32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	(*t.chunks.Load())[s/slotsPerChunk][s%slotsPerChunk].Store(nil)
	t.free = append(t.free, s)
}

// at is the block of a slot; nil while it has none.
func (t *slotTable) at(s uint32) *Block {
	chunks := t.chunks.Load()
	if chunks == nil || int(s/slotsPerChunk) >= len(*chunks) {
		return nil
	}
	return (*chunks)[s/slotsPerChunk][s%slotsPerChunk].Load()
}
