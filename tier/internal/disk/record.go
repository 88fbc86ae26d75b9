package disk

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"
)

// ID names a block: the file's 16 bytes, then the block's index, big-endian.
type ID = [20]byte

// Flags are what the owner of a block wants remembered with it.
type Flags uint8

// The flags have no meaning here but that they are kept.
const (
	Held   Flags = 1 << iota // not to be evicted: the only copy
	Pinned                   // not to be evicted: asked for by a user
)

// Record kinds. A put record holds the whole state of a block, so that a later one replaces an earlier one.
const (
	kindPut    = 1
	kindDelete = 2
	kindSealed = 3 // the segment is durable up to its end
	kindEnd    = 4 // ends a snapshot; sum is the number of records before it
)

const (
	recordSize = 48
	headerSize = 48
)

// place is where the bytes of a block lie.
type place struct {
	seg, off, len uint32
}

type record struct {
	kind  uint8
	flags Flags
	place
	id  ID
	sum uint64
}

// appendRecord appends r as a record of the index file of generation gen.
func appendRecord(b []byte, r *record, gen uint64) []byte {
	var a [recordSize]byte
	a[4], a[5] = r.kind, uint8(r.flags)
	binary.LittleEndian.PutUint32(a[8:], r.seg)
	binary.LittleEndian.PutUint32(a[12:], r.off)
	binary.LittleEndian.PutUint32(a[16:], r.len)
	copy(a[20:40], r.id[:])
	binary.LittleEndian.PutUint64(a[40:], r.sum)
	binary.LittleEndian.PutUint32(a[:], recordCheck(a[4:], gen))
	return append(b, a[:]...)
}

// recordCheck binds a record to its file, so that a block of an older file is never taken for one of this.
func recordCheck(body []byte, gen uint64) uint32 {
	return uint32((xxhash.Sum64(body) + gen) * 0x9e3779b97f4a7c15 >> 32)
}

// decodeRecord reads one record of recordSize bytes; ok is false if it is damaged.
func decodeRecord(b []byte, gen uint64, r *record) (ok bool) {
	b = b[:recordSize]
	if binary.LittleEndian.Uint32(b) != recordCheck(b[4:], gen) {
		return false
	}
	r.kind, r.flags = b[4], Flags(b[5])
	r.seg = binary.LittleEndian.Uint32(b[8:])
	r.off = binary.LittleEndian.Uint32(b[12:])
	r.len = binary.LittleEndian.Uint32(b[16:])
	copy(r.id[:], b[20:40])
	r.sum = binary.LittleEndian.Uint64(b[40:])
	return r.kind >= kindPut && r.kind <= kindEnd && (r.kind != kindPut || r.len > 0)
}

// File headers: "mpdisk-L" (log) or "mpdisk-S" (snapshot), version, generation, check.
const (
	logMagic      = "mpdisk-L"
	snapshotMagic = "mpdisk-S"
	indexVersion  = 1
)

func appendHeader(b []byte, magic string, gen uint64) []byte {
	var a [headerSize]byte
	copy(a[:8], magic)
	binary.LittleEndian.PutUint32(a[8:], indexVersion)
	binary.LittleEndian.PutUint64(a[16:], gen)
	binary.LittleEndian.PutUint64(a[40:], xxhash.Sum64(a[:40]))
	return append(b, a[:]...)
}

// decodeHeader returns the version of an index file; ok is false if the header is damaged.
func decodeHeader(b []byte, magic string, gen uint64) (version uint32, ok bool) {
	if len(b) < headerSize || string(b[:8]) != magic {
		return 0, false
	}
	if binary.LittleEndian.Uint64(b[40:]) != xxhash.Sum64(b[:40]) {
		return 0, false
	}
	return binary.LittleEndian.Uint32(b[8:]), binary.LittleEndian.Uint64(b[16:]) == gen
}
