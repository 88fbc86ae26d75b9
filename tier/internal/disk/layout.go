package disk

import (
	"encoding/binary"

	"github.com/millpond/millpond/internal/piece"
)

const (
	pageSize  = 4 << 10 // what file systems allocate and give back
	pieceSize = piece.Size
	maxLength = 1 << 30 // of a block

	// Two index records: the one in the log and the one in a snapshot.
	indexCharge = 2 * recordSize
)

// aligned says whether a block of n bytes starts on a page: such a block's pages are given back one by one when it
// goes, and reading it touches no neighbour's page.
func aligned(n int64) bool { return n%pageSize == 0 || n >= pieceSize }

func pieces(n int64) int64 { return (n + pieceSize - 1) / pieceSize }

// tableSize is the length of the checksum table behind a block of n bytes; a block of one piece has its sum in the
// index.
func tableSize(n int64) int64 {
	if n <= pieceSize {
		return 0
	}
	return 8 * pieces(n)
}

// space is how many bytes of a segment a block of n bytes takes.
func space(n int64) int64 {
	if aligned(n) {
		return pageUp(n + tableSize(n))
	}
	return n
}

func pageUp(n int64) int64   { return (n + pageSize - 1) &^ (pageSize - 1) }
func pageDown(n int64) int64 { return n &^ (pageSize - 1) }

func tableSum(table []byte, i int64) uint64 { return binary.LittleEndian.Uint64(table[8*i:]) }
