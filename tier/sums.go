package tier

import (
	"sync/atomic"
	"unsafe"

	"github.com/millpond/millpond/internal/piece"
	"github.com/millpond/millpond/tier/internal/arena"
)

// PieceSize is how many bytes of a block one checksum is of, counted from the block's start.
const PieceSize = piece.Size

// sums are the XXH3 of a block's pieces, as far as they are known: 0 where not. They lie in the arena, 8 bytes for
// each piece, since the first was asked for.
type sums struct {
	known atomic.Pointer[atomic.Uint64] // of the first piece; those of the others follow
	in    arena.Extent                  // written by who sets known
}

func countPieces(length int64) int { return int((length + PieceSize - 1) / PieceSize) }

// ViewPieces is View of whole pieces, with the XXH3 of each: off is a multiple of PieceSize, and what is lent ends at one or
// at the block's end. What is not known yet is computed, and kept if there is memory for it. ok is false if there is no
// whole piece within n bytes that lies in one piece of memory, or if the block has left.
func (b *Block) ViewPieces(off int64, n int) (v View, sums []uint64, ok bool) {
	v, ok = b.View(off, n)
	if !ok {
		return v, nil, false
	}
	if end := off + int64(len(v.p)); end < b.length {
		v.p = v.p[:max(0, end-end%PieceSize-off)]
	}
	if len(v.p) == 0 {
		v.Release()
		return v, nil, false
	}
	return v, b.sumsOf(off, v.p), true
}

// sumsOf are those of p, which are whole pieces that begin at off. The caller has acquired b.
func (b *Block) sumsOf(off int64, p []byte) []uint64 {
	kept := b.keptSums()
	list := make([]uint64, countPieces(int64(len(p))))
	for i := range list {
		at := i * PieceSize
		one := p[at:min(at+PieceSize, len(p))]
		if kept == nil {
			list[i] = piece.Sum(one)
			continue
		}
		k := &kept[int(off/PieceSize)+i]
		if list[i] = k.Load(); list[i] == 0 {
			list[i] = piece.Sum(one)
			k.Store(list[i])
		}
	}
	return list
}

// keptSums is where b's sums are kept; nil if there is no memory for them. The caller has acquired b.
func (b *Block) keptSums() []atomic.Uint64 {
	if b.length < PieceSize { // hashed sooner than found
		return nil
	}
	n := countPieces(b.length)
	if p := b.sums.known.Load(); p != nil {
		return unsafe.Slice(p, n)
	}
	e, err := b.mem.arena.Alloc(8 * n)
	if err != nil {
		return nil
	}
	if e.Len() < 8*n {
		b.mem.arena.Release(e)
		return nil
	}
	bytes := b.mem.arena.Bytes(e)
	clear(bytes)
	p := (*atomic.Uint64)(unsafe.Pointer(unsafe.SliceData(bytes))) // it begins at a multiple of 16
	if !b.sums.known.CompareAndSwap(nil, p) {
		b.mem.arena.Release(e)
		return unsafe.Slice(b.sums.known.Load(), n)
	}
	b.sums.in = e
	b.mem.used.Add(int64(e.Len()))
	return unsafe.Slice(p, n)
}

// freeSums gives their memory back, when nobody uses b any more.
func (b *Block) freeSums() {
	if b.sums.known.Load() != nil {
		b.mem.used.Add(-int64(b.sums.in.Len()))
		b.mem.arena.Release(b.sums.in)
	}
}

// Sums tells the XXH3 of pieces that were written, from the one that begins at off on: whoever brought them has compared
// them with those. 0: not known.
func (w *Writer) Sums(off int64, list []uint64) {
	if w.heap || w.hint < PieceSize || off%PieceSize != 0 {
		return
	}
	if w.sums == nil {
		w.sums = make([]uint64, countPieces(w.hint))
	}
	if first := int(off / PieceSize); first < len(w.sums) {
		copy(w.sums[first:], list)
	}
}

// keep notes what sums are known of a block that is complete. Nobody else has it yet.
func (b *Block) keep(list []uint64) {
	if len(list) != countPieces(b.length) {
		return
	}
	kept := b.keptSums()
	for i := range kept {
		kept[i].Store(list[i])
	}
}

// damaged reports whether b has left its sums behind: a bit flipped in memory. Nothing is found where none are known.
func (b *Block) damaged() bool {
	if b.sums.known.Load() == nil || !b.acquire() {
		return false
	}
	defer b.release()
	kept := b.keptSums()
	whole := make([]byte, PieceSize)
	for i := range kept {
		one := whole[:b.copyOut(whole[:min(PieceSize, b.length-int64(i)*PieceSize)], int64(i)*PieceSize)]
		if sum := kept[i].Load(); sum != 0 && sum != piece.Sum(one) {
			return true
		}
	}
	return false
}

// verify drops a block of the memory tier that has left its sums behind; false if it did.
func (m *memory) verify(b *Block) bool {
	if !b.damaged() {
		return true
	}
	if m.drop(b) {
		m.count.corrupt.Add(1)
		m.opts.Logger.Warn("a block in memory did not match its checksum", "block", b.id.String())
		if f := m.opts.Events.Corrupt; f != nil {
			f(CorruptInfo{ID: b.id, Kind: Memory})
		}
	}
	return false
}
