package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"sync"

	"github.com/millpond/millpond/internal/piece"
)

// found is what a reader takes along of an entry.
type found struct {
	place
	e     *entry
	local uint32
	gen   uint32
	sum   uint64
	seen  uint64
	flags Flags
}

// same says that the block was at its place until now: what was read there before is the block's.
func (f *found) same() bool { return f.e.gen.Load() == f.gen }

// Lookup finds a block without I/O.
func (d *Dir) Lookup(id ID) (slot uint32, length int64, flags Flags, ok bool) {
	h := hashID(&id)
	var f found
	if !d.index.of(h).look(h, &id, &f) {
		return 0, 0, 0, false
	}
	runtime.KeepAlive(d) // entries go with it
	return slotOf(h, f.local), int64(f.len), f.flags, true
}

// ReadAt reads len(p) bytes of a block at off straight into p; fewer only where the block ends, and then without an
// error. Pieces that nobody has read since Open are verified first. Errors: ErrMiss, ErrCorrupt (the block has been
// dropped), *DirError. It allocates nothing.
func (d *Dir) ReadAt(id ID, p []byte, off int64) (int, error) {
	n, _, err := d.ReadSlot(id, p, off)
	return n, err
}

// ReadSlot is ReadAt that tells the block's slot as well.
func (d *Dir) ReadSlot(id ID, p []byte, off int64) (n int, slot uint32, err error) {
	return d.read(id, p, off, false)
}

// ReadChecked is ReadSlot that compares each piece with its checksum, whether that was done before or not: for bytes that go where
// nothing will compare them with these checksums any more.
func (d *Dir) ReadChecked(id ID, p []byte, off int64) (n int, slot uint32, err error) {
	return d.read(id, p, off, true)
}

func (d *Dir) read(id ID, p []byte, off int64, check bool) (n int, slot uint32, err error) {
	if off < 0 {
		return 0, 0, fmt.Errorf("disk: read at %d: %w", off, fs.ErrInvalid)
	}
	defer runtime.KeepAlive(d) // same looks at memory that goes with d
	h := hashID(&id)
	s := d.index.of(h)
	for try := 0; ; try++ {
		var f found
		if !s.look(h, &id, &f) {
			return 0, 0, ErrMiss
		}
		n := min(int64(len(p)), int64(f.len)-off)
		if n <= 0 {
			return 0, slotOf(h, f.local), nil
		}
		seen := s.seenRange(f.local, f.seen, int64(f.len), off/pieceSize, (off+n-1)/pieceSize)
		seg := d.segment(f.seg)
		if seg == nil {
			if f.same() {
				return 0, 0, d.corrupt(&id, &f)
			}
			continue
		}
		var err error
		if seen && !check {
			_, err = seg.f.ReadAt(p[:n], int64(f.off)+off)
		} else {
			err = d.readChecked(seg, &f, p[:n], off)
		}
		if !f.same() {
			continue // it moved or went meanwhile: these may be another's bytes
		}
		if err != nil {
			if damaged(err) && try == 0 {
				continue // a bit that flipped on the way is right the second time
			}
			return 0, 0, d.readFailed(&id, &f, err)
		}
		if !seen {
			s.mark(&f, off/pieceSize, (off+n-1)/pieceSize)
		}
		return int(n), slotOf(h, f.local), nil
	}
}

// look finds a block. It takes no lock, and waits for nobody: only a removal that goes on meanwhile has it look again.
func (s *shard) look(h uint64, id *ID, f *found) bool {
	k := keyOf(id)
	for {
		turn := s.turn.Load()
		if _, local, there := s.find(h, k); there && f.read(s.at(local), local, k) {
			return true
		}
		if s.turn.Load() == turn {
			return false
		}
	}
}

// read reads an entry; false if it is not k's, or no longer.
func (f *found) read(e *entry, local uint32, k key) bool {
	f.e, f.local = e, local
	for {
		f.gen = e.gen.Load()
		f.place = e.place()
		f.sum, f.seen, f.flags = e.sum.Load(), e.seen.Load(), e.flags()
		if f.gen&1 != 0 || !e.is(k) {
			return false
		}
		if f.same() { // else it has just moved, or goes
			return true
		}
	}
}

var errMismatch = errors.New("checksum mismatch")

// damaged says that an error of a read is about the bytes, not about the directory.
func damaged(err error) bool { return errors.Is(err, errMismatch) || errors.Is(err, io.EOF) }

// readFailed turns an error of a read at a valid place into ErrCorrupt or a *DirError.
func (d *Dir) readFailed(id *ID, f *found, err error) error {
	if damaged(err) {
		return d.corrupt(id, f)
	}
	if d.closed.Load() {
		return ErrClosed
	}
	return d.fail("read", err)
}

func (d *Dir) corrupt(id *ID, f *found) error {
	why := Corrupt
	if d.drop(id, func(*entry) bool { return f.same() }, &why) {
		d.count.corrupt.Add(1)
	}
	return ErrCorrupt
}

var pieceBufs = sync.Pool{New: func() any { return new([pieceSize]byte) }}

// readChecked reads p at off of the block and verifies every piece that it touches.
func (d *Dir) readChecked(seg *segment, f *found, p []byte, off int64) error {
	table := tables.Get().(*[]byte)
	defer tables.Put(table)
	if err := readTable(seg, f, table); err != nil {
		return err
	}
	buf := pieceBufs.Get().(*[pieceSize]byte)
	defer pieceBufs.Put(buf)
	for len(p) > 0 {
		i := off / pieceSize
		start := i * pieceSize
		whole := min(pieceSize, int64(f.len)-start)
		n := min(int64(len(p)), start+whole-off)
		into := buf[:whole]
		if n == whole {
			into = p[:n]
		}
		if _, err := seg.f.ReadAt(into, int64(f.off)+start); err != nil {
			return err
		}
		want := f.sum
		if len(*table) > 0 {
			want = tableSum(*table, i)
		}
		if piece.Sum(into) != want {
			return errMismatch
		}
		if n != whole {
			copy(p[:n], into[off-start:])
		}
		p, off = p[n:], off+n
	}
	return nil
}

// readTable reads the checksum table of a block into buf, which is empty for a block of one piece.
func readTable(seg *segment, f *found, buf *[]byte) error {
	n := tableSize(int64(f.len))
	if int64(cap(*buf)) < n {
		*buf = make([]byte, n)
	}
	*buf = (*buf)[:n]
	if n == 0 {
		return nil
	}
	if _, err := seg.f.ReadAt(*buf, int64(f.off)+int64(f.len)); err != nil {
		return err
	}
	if piece.Sum(*buf) != f.sum {
		return errMismatch
	}
	return nil
}

// Verify reads a whole block and compares it with its checksums, whether that was done before or not: what leaves this
// process is checked again. Errors as of ReadAt.
func (d *Dir) Verify(id ID) error {
	defer runtime.KeepAlive(d) // as in read, mark too
	h := hashID(&id)
	s := d.index.of(h)
	buf := pieceBufs.Get().(*[pieceSize]byte)
	defer pieceBufs.Put(buf)
	for try := 0; ; try++ {
		var f found
		if !s.look(h, &id, &f) {
			return ErrMiss
		}
		var err error
		if seg := d.segment(f.seg); seg == nil {
			err = errMismatch
		} else {
			err = d.verify(seg, &f, buf[:])
		}
		switch {
		case !f.same(), damaged(err) && try == 0:
		case err != nil:
			return d.readFailed(&id, &f, err)
		default:
			s.mark(&f, 0, pieces(int64(f.len))-1)
			return nil
		}
	}
}

func (d *Dir) verify(seg *segment, f *found, buf []byte) error {
	table := tables.Get().(*[]byte)
	defer tables.Put(table)
	if err := readTable(seg, f, table); err != nil {
		return err
	}
	for i := range pieces(int64(f.len)) {
		b := buf[:min(pieceSize, int64(f.len)-i*pieceSize)]
		if _, err := seg.f.ReadAt(b, int64(f.off)+i*pieceSize); err != nil {
			return err
		}
		want := f.sum
		if len(*table) > 0 {
			want = tableSum(*table, i)
		}
		if piece.Sum(b) != want {
			return errMismatch
		}
	}
	return nil
}
