package inodes

import (
	"hash/maphash"
	"math/bits"

	"github.com/millpond/millpond/internal/offheap"
)

const (
	shards      = 16 // at ten million names each is 8 MiB: large enough for huge pages, moved to a larger one in 2 ms
	offheapFrom = 4096
)

// entry is one name: the slot of its inode and a part of its hash, which also says where it wants to lie.
type entry struct{ slot, hash uint32 }

// shard is open addressing with linear probing. Entries want the place hash*len>>32, so that growing reads and writes
// from one end to the other.
type shard struct {
	at   []entry
	n    int
	heap bool // at is small, and ordinary memory
}

func newShard(n int) shard {
	if n < offheapFrom {
		return shard{at: make([]entry, n), heap: true}
	}
	return shard{at: offheap.Make[entry](n)}
}

func (s *shard) release() {
	if !s.heap {
		offheap.Free(s.at)
	}
	*s = shard{}
}

func (s *shard) home(hash uint32) int { return int(uint64(hash) * uint64(len(s.at)) >> 32) }

func (s *shard) next(i int) int {
	if i++; i == len(s.at) {
		return 0
	}
	return i
}

func (s *shard) add(e entry) {
	if (s.n+1)*5 > len(s.at)*4 {
		s.grow()
	}
	i := s.home(e.hash)
	for s.at[i].slot != 0 {
		i = s.next(i)
	}
	s.at[i] = e
	s.n++
}

func (s *shard) grow() {
	old := *s
	*s = newShard(len(old.at) + len(old.at)/4 + 8)
	for _, e := range old.at {
		if e.slot != 0 {
			s.add(e)
		}
	}
	old.release()
}

// remove takes out what is at i and moves back what was pushed away by it.
func (s *shard) remove(i int) {
	for j := s.next(i); s.at[j].slot != 0; j = s.next(j) {
		if h := s.home(s.at[j].hash); i <= j && (i < h && h <= j) || i > j && (i < h || h <= j) {
			continue
		}
		s.at[i] = s.at[j]
		i = j
	}
	s.at[i] = entry{}
	s.n--
}

// index finds slots by directory and name. Its hash has a seed of its own, so that names cannot be chosen to meet.
type index struct {
	seed   maphash.Seed
	shards [shards]shard
}

func (x *index) hash(dir uint32, name string) (*shard, uint32) {
	hi, lo := bits.Mul64(maphash.String(x.seed, name)^uint64(dir)*0x9e3779b97f4a7c15, 0xa0761d6478bd642f)
	h := hi ^ lo
	return &x.shards[h>>60], uint32(h)
}

func (x *index) release() {
	for i := range x.shards {
		x.shards[i].release()
	}
}
