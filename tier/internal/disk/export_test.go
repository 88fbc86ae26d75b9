package disk

import (
	"runtime"
	"unsafe"
)

// DecodeRecord decodes one index record of generation gen and encodes it again.
func DecodeRecord(b []byte, gen uint64) (again []byte, ok bool) {
	var r record
	if !decodeRecord(b, gen, &r) {
		return nil, false
	}
	return appendRecord(nil, &r, gen), true
}

// DecodeHeader decodes the header of an index file of generation gen, of a log or else a snapshot, and encodes it again.
func DecodeHeader(b []byte, log bool, gen uint64) (again []byte, version uint32, ok bool) {
	magic := snapshotMagic
	if log {
		magic = logMagic
	}
	version, ok = decodeHeader(b, magic, gen)
	return appendHeader(nil, magic, gen), version, ok
}

// Names decodes a file name of each kind and makes it again.
func Names(name string) []string {
	var names []string
	if id, packed, ok := parseSegmentName(name); ok {
		names = append(names, segmentName(id, packed))
	}
	if magic, gen, ok := parseIndexName(name); ok {
		names = append(names, indexName(magic, gen))
	}
	return names
}

// RecordSize is the length of an index record in bytes.
const RecordSize = recordSize

// CompactIndex replaces the index files by a snapshot.
func (d *Dir) CompactIndex() error { return d.compactIndex() }

// LockShards takes the lock of every shard of the index until release.
func (d *Dir) LockShards() (release func()) {
	for i := range d.index.shard {
		d.index.shard[i].mu.Lock()
	}
	return func() {
		for i := range d.index.shard {
			d.index.shard[i].mu.Unlock()
		}
	}
}

// Shard is one shard of an index, without any I/O.
type Shard struct{ s *shard }

// NewShard returns an empty one, with as many cells as blocks need.
func NewShard(blocks int) Shard {
	d := &Dir{}
	d.newIndex()
	s := &d.index.shard[0]
	s.reserve(blocks)
	return Shard{s}
}

// Home is the cell where a probe for a block begins.
func (x Shard) Home(id ID) uint32 { return x.s.table().home(hashID(&id)) }

// Put enters a block of length bytes that is not there.
func (x Shard) Put(id ID, length uint32) {
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	x.s.insert(hashID(&id), &record{id: id, place: place{len: length}}, allSeen, true)
}

// Move gives a block another place.
func (x Shard) Move(id ID, to uint32) {
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	_, local, _ := x.s.find(hashID(&id), keyOf(&id))
	x.s.at(local).move(place{seg: to, off: to})
}

// Delete removes a block that is there.
func (x Shard) Delete(id ID) {
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	cell, local, _ := x.s.find(hashID(&id), keyOf(&id))
	x.s.remove(cell, local)
	x.s.release(local)
}

// Look finds a block; torn says that its place is made of two.
func (x Shard) Look(id ID) (length uint32, torn, ok bool) {
	var f found
	ok = x.s.look(hashID(&id), &id, &f)
	return f.len, f.seg != f.off, ok
}

// DeleteSlowly is Delete that stops, with the lock, before each cell that it overwrites and at the end.
func (x Shard) DeleteSlowly(id ID, stopped func()) {
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	cell, local, _ := x.s.find(hashID(&id), keyOf(&id))
	x.s.at(local).clear()
	x.s.live--
	stopped()
	for i, c := range x.s.closeGap(cell) {
		x.s.overwrite(i, c)
		stopped()
	}
	x.s.release(local)
}

// Found says whether who comes to the entry of one block, in search of another, takes it for that.
func (x Shard) Found(at, search ID) bool {
	_, local, _ := x.s.find(hashID(&at), keyOf(&at))
	return new(found).read(x.s.at(local), local, keyOf(&search))
}

// ShardSize is how many bytes a shard of an index has.
const ShardSize = unsafe.Sizeof(shard{})

// HoldLog keeps records out of the log until release.
func (d *Dir) HoldLog() (release func()) {
	d.log.mu.Lock()
	return d.log.mu.Unlock
}

// Segment is the number of the segment that a block is found in; 0: it is not found.
func (d *Dir) Segment(id ID) uint32 {
	defer runtime.KeepAlive(d)
	h := hashID(&id)
	var f found
	if !d.index.of(h).look(h, &id, &f) {
		return 0
	}
	return f.seg
}

// Rescue copies the blocks of a segment elsewhere.
func (d *Dir) Rescue(segment uint32) error { return d.rescue(d.segment(segment)) }
