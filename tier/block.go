package tier

import (
	"sync/atomic"

	"github.com/millpond/millpond/tier/internal/arena"
)

// Block is a block in memory. It may leave at any time; then its methods say so, for ever: a block that comes back is
// another Block. Any number of goroutines.
type Block struct {
	id     BlockID
	length int64
	mem    *memory
	first  []byte   // the bytes, or their beginning
	rest   [][]byte // what follows
	state  blockState
	slot   uint32
	key    uint64 // of the policy
	beat   atomic.Uint32
	flags  atomic.Uint32
	next   atomic.Pointer[Block] // in its bucket of the index
	one    [1]arena.Extent
	pieces []arena.Extent
	sums   sums
}

// blockState counts who uses a block's bytes; the top bit says that it has left. Whoever finds it dead and unused frees
// the bytes, once.
type blockState struct {
	n     atomic.Int64
	freed atomic.Bool
}

const dead = -1 << 63

// ID is the block's name.
func (b *Block) ID() BlockID { return b.id }

// Len is the block's length in bytes.
func (b *Block) Len() int64 { return b.length }

// alive reports whether the bytes are still the block's.
func (b *Block) alive() bool { return b.state.n.Load() >= 0 }

// touch tells the policy of a use: once for each beat of the tier, so that a hot block is not written to by every
// reader.
func (b *Block) touch() {
	if beat := b.mem.beat.Load(); b.beat.Load() != beat {
		b.beat.Store(beat)
		b.mem.policy.Hit(b.slot)
	}
}

// ReadAt copies the block's bytes from off on into p, min(len(p), Len-off) of them. ok is false if the block has left
// memory: look it up again. It takes no lock and allocates nothing.
func (b *Block) ReadAt(p []byte, off int64) (n int, ok bool) {
	if uint64(off) > uint64(b.length) {
		return 0, b.alive()
	}
	if !optimistic {
		if !b.acquire() {
			return 0, false
		}
		n = b.copyOut(p, off)
		b.release()
		b.touch()
		return n, true
	}
	// A block's bytes are freed after it is dead, and it never comes back to life: if it lives after the copy, the bytes
	// were its own.
	if !b.alive() {
		return 0, false
	}
	if off+int64(len(p)) <= int64(len(b.first)) {
		n = len(p)
		copyBytes(p, b.first[off:])
	} else {
		n = b.copyOut(p, off)
	}
	if !b.alive() {
		return 0, false
	}
	b.touch()
	return n, true
}

// copyOut walks the pieces.
func (b *Block) copyOut(p []byte, off int64) (n int) {
	p = p[:min(int64(len(p)), b.length-off)]
	piece, i := b.first, 0
	for n < len(p) {
		if off < int64(len(piece)) {
			k := min(len(p)-n, len(piece)-int(off))
			copyBytes(p[n:n+k], piece[off:])
			n += k
			off = 0
		} else {
			off -= int64(len(piece))
		}
		if n == len(p) || i == len(b.rest) {
			break
		}
		piece = b.rest[i]
		i++
	}
	return n
}

// at is the longest piece from off on, at most n bytes.
func (b *Block) at(off int64, n int) []byte {
	piece := b.first
	for i := 0; off >= int64(len(piece)) && i < len(b.rest); i++ {
		off -= int64(len(piece))
		piece = b.rest[i]
	}
	piece = piece[off:]
	return piece[:min(n, len(piece)):min(n, len(piece))]
}

// acquire keeps the bytes until release; false if the block has left.
func (b *Block) acquire() bool {
	if b.state.n.Add(1) < 0 {
		b.release()
		return false
	}
	return true
}

func (b *Block) release() {
	if b.letGo() == 0 {
		b.mem.announce() // it may leave now
	}
}

// letGo is release for who evicts, and says himself what came of it.
func (b *Block) letGo() (left int64) {
	left = b.state.n.Add(-1)
	if left == dead {
		b.free()
	}
	return left
}

// kill makes the block dead; its bytes go when nobody uses them.
func (b *Block) kill() {
	if b.state.n.Or(dead) == 0 {
		b.free()
	}
}

func (b *Block) free() {
	if b.state.freed.CompareAndSwap(false, true) {
		b.mem.freed(b)
	}
}

func (b *Block) has(flag uint32) bool { return b.flags.Load()&flag != 0 }

// View is a piece of a block that is lent, not copied: the bytes stay through eviction and removal until Release.
type View struct {
	b *Block
	p []byte
}

// View lends min(n, Len-off) bytes or fewer from off on: what lies in one piece. ok is false if the block has left
// memory. It takes no lock and allocates nothing.
func (b *Block) View(off int64, n int) (v View, ok bool) {
	if off < 0 || off >= b.length || n <= 0 || !b.acquire() {
		return View{}, false
	}
	b.touch()
	return View{b, b.at(off, n)}, true
}

// Bytes are what is lent. They must not be written, nor used after Release.
func (v *View) Bytes() []byte { return v.p }

// Release gives the bytes back. A second call does nothing.
func (v *View) Release() {
	b := v.b
	if b == nil {
		return
	}
	v.b, v.p = nil, nil
	b.release()
}
