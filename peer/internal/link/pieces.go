package link

import (
	"iter"

	"github.com/millpond/millpond/internal/piece"
)

// pieceAt is how many of n bytes from position pos of a block lie in the piece that pos is in: pieces lie on a grid that
// begins with the block, so that the sums of a disk serve for what is sent.
func pieceAt(pos, n int64) int64 { return min(n, pieceLen-pos%pieceLen) }

// pieces cuts b, which lies at pos in its block.
func pieces(pos int64, b []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for len(b) > 0 {
			n := pieceAt(pos, int64(len(b)))
			if !yield(b[:n]) {
				return
			}
			pos, b = pos+n, b[n:]
		}
	}
}

// countPieces is how many pieces n bytes from pos touch.
func countPieces(pos, n int64) int {
	if n == 0 {
		return 0
	}
	return int((pos+n-1)/pieceLen - pos/pieceLen + 1)
}

// appendSums appends the sums of the pieces of b, which lies at pos in its block.
func appendSums(sums []uint64, pos int64, b []byte) []uint64 {
	for p := range pieces(pos, b) {
		sums = append(sums, piece.Sum(p))
	}
	return sums
}
