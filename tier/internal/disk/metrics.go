package disk

import (
	"iter"
	"sync/atomic"
)

type counters struct {
	puts, deletes, corrupt, lost, badRecords, errors, compactions, copied atomic.Uint64
	bytes                                                                 atomic.Int64
}

// Metrics are counts since Open, and sizes of now.
type Metrics struct {
	Blocks      int
	Bytes       int64  // of the blocks
	DiskBytes   int64  // what the files take
	Segments    int    // files of blocks, each with a descriptor
	Puts        uint64 // blocks admitted
	Deletes     uint64 // blocks that left, corrupt ones too
	Corrupt     uint64 // blocks that did not match their checksum
	Lost        uint64 // blocks whose bytes a crash took, found by Open
	BadRecords  uint64 // damaged index records, found by Open
	Errors      uint64 // errors of the operating system
	CopiedBytes uint64 // copied to give space back
	Compactions uint64 // of the index
}

// Metrics returns the counts.
func (d *Dir) Metrics() Metrics {
	c := &d.count
	return Metrics{
		Blocks: d.Blocks(), Bytes: c.bytes.Load(), DiskBytes: d.DiskBytes(), Segments: len(*d.segments.Load()),
		Puts: c.puts.Load(), Deletes: c.deletes.Load(), Corrupt: c.corrupt.Load(), Lost: c.lost.Load(),
		BadRecords: c.badRecords.Load(), Errors: c.errors.Load(), CopiedBytes: c.copied.Load(), Compactions: c.compactions.Load(),
	}
}

// Info describes a block.
type Info struct {
	ID     ID
	Slot   uint32
	Length int64
	Flags  Flags
}

func (e *entry) info(slot uint32) Info { return Info{e.id(), slot, int64(e.len.Load()), e.flags()} }

// At returns the block that has a slot.
func (d *Dir) At(slot uint32) (Info, bool) {
	s := &d.index.shard[slot&(shards-1)]
	local := slot >> shardBits
	s.mu.RLock()
	defer s.mu.RUnlock()
	if local >= s.used {
		return Info{}, false
	}
	e := s.at(local)
	return e.info(slot), e.live()
}

// All yields every block that stays during the walk, and perhaps some that come or go.
func (d *Dir) All() iter.Seq[Info] {
	return func(yield func(Info) bool) {
		var infos []Info
		for i := range d.index.shard {
			infos = d.index.shard[i].infos(uint32(i), infos[:0])
			for _, info := range infos {
				if !yield(info) {
					return
				}
			}
		}
	}
}

func (s *shard) infos(i uint32, dst []Info) []Info {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for local := range s.used {
		if e := s.at(local); e.live() {
			dst = append(dst, e.info(local<<shardBits|i))
		}
	}
	return dst
}

// Blocks is the number of blocks.
func (d *Dir) Blocks() int {
	n := 0
	for i := range d.index.shard {
		s := &d.index.shard[i]
		s.mu.RLock()
		n += s.live
		s.mu.RUnlock()
	}
	return n
}

// Used is what the blocks are charged, in bytes: Put fails with ErrFull rather than let it exceed Capacity. Evict by it.
func (d *Dir) Used() int64 {
	d.space.Lock()
	defer d.space.Unlock()
	return d.space.charged
}

// Capacity is the part of the quota that blocks are charged to, in bytes.
func (d *Dir) Capacity() int64 {
	d.space.Lock()
	defer d.space.Unlock()
	return max(0, d.space.quota-keepBack(d.space.quota))
}

// Charge is what a block of length bytes adds to Used.
func (d *Dir) Charge(length int64) int64 { return d.charge(length) }

// DiskBytes is what all files take on disk. It stays within the quota; see doc.go.
func (d *Dir) DiskBytes() int64 {
	d.space.Lock()
	defer d.space.Unlock()
	return d.space.used
}

// Quota is the quota in bytes.
func (d *Dir) Quota() int64 {
	d.space.Lock()
	defer d.space.Unlock()
	return d.space.quota
}

// SetQuota changes the quota, at least MinQuota. If it is smaller, delete blocks until Used is within Capacity: Put
// fails with ErrFull until then.
func (d *Dir) SetQuota(quota int64) {
	d.space.Lock()
	d.space.quota = max(quota, MinQuota)
	d.space.Unlock()
	d.wake()
}
