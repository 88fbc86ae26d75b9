package tier

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// FileID names one version of a file's bytes.
type FileID [16]byte

// String is the id in hex.
func (f FileID) String() string { return hex.EncodeToString(f[:]) }

// BlockID names a block: its FileID, then its index in the file, big-endian, so that ids sort in file order.
type BlockID [20]byte

// NewBlockID names block index of f.
func NewBlockID(f FileID, index uint32) (id BlockID) {
	copy(id[:], f[:])
	binary.BigEndian.PutUint32(id[16:], index)
	return id
}

// File is the version that the block is of.
func (id BlockID) File() FileID { return FileID(id[:16]) }

// Index is the block's place in its file: byte Index times the file's block size on.
func (id BlockID) Index() uint32 { return binary.BigEndian.Uint32(id[16:]) }

// String is the FileID in hex, a slash and the index.
func (id BlockID) String() string { return fmt.Sprintf("%x/%d", id[:16], id.Index()) }

// hash spreads ids, whose bytes are a hash already but for the index.
func (id *BlockID) hash() uint64 {
	h := binary.LittleEndian.Uint64(id[:]) ^ binary.LittleEndian.Uint64(id[8:])*0x9E3779B97F4A7C15
	h ^= uint64(binary.BigEndian.Uint32(id[16:])) * 0xBF58476D1CE4E5B9
	h ^= h >> 31
	h *= 0x94D049BB133111EB
	return h ^ h>>29
}

// Kind is a kind of local storage. The zero Kind is the fastest.
type Kind uint8

// The kinds, fastest first.
const (
	Memory Kind = iota
	SSD
	HDD
	kinds
)

// String is the kind's name in lower case.
func (k Kind) String() string {
	switch k {
	case Memory:
		return "memory"
	case SSD:
		return "ssd"
	case HDD:
		return "hdd"
	}
	return fmt.Sprintf("kind%d", uint8(k))
}
