package tier

import (
	"os"

	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/tier/internal/disk"
)

// FileRange is bytes of a block that lie in a file of a disk tier, for sendfile. They stay as they are until Release,
// whatever happens to the block.
type FileRange struct {
	File     *os.File // do not close
	Off, Len int64
	Sums     []uint64 // XXH3 of the pieces of 64 KiB of the whole block, as it was written
	Release  func()   // may be called twice
}

// File lends min(n, Len-off) bytes of a block from off on as a part of a file, unchecked: whoever gets them compares them
// with Sums, and asks for a Verify if they differ. ok is false if no disk tier of the operating system has the block.
func (s *Store) File(id BlockID, off, n int64) (r FileRange, ok bool) {
	return s.file(id, off, n, false)
}

// FileAtHand is File of what is in the page cache, the sums as well: neither it nor who reads the range waits for a disk. ok is false, too,
// if it is not, or where the system does not tell (any but Linux 6.5 and later).
func (s *Store) FileAtHand(id BlockID, off, n int64) (r FileRange, ok bool) {
	return s.file(id, off, n, true)
}

func (s *Store) file(id BlockID, off, n int64, atHand bool) (r FileRange, ok bool) {
	if s.closed.Load() || off < 0 || n <= 0 {
		return r, false
	}
	for _, t := range s.disks {
		for _, dir := range t.dirs {
			if m := dir.readable(); m != nil {
				if r, ok := m.file(id, off, n, atHand); ok {
					t.count.hits.Add(1)
					return r, true
				}
			}
		}
	}
	return r, false
}

func (m *mounted) file(id BlockID, off, n int64, atHand bool) (r FileRange, ok bool) {
	lent, err := m.d.Range(disk.ID(id), off, n)
	if err != nil {
		m.failed(err)
		return r, false
	}
	f, ok := vfs.OSFile(lent.File)
	if !ok || lent.Len == 0 || atHand && !lent.AtHand() {
		lent.Release()
		return r, false
	}
	sums, err := m.d.Sums(disk.ID(id))
	if err != nil {
		lent.Release()
		m.failed(err)
		return r, false
	}
	m.pol.Hit(lent.Slot)
	return FileRange{File: f, Off: lent.Off, Len: lent.Len, Sums: sums, Release: lent.Release}, true
}

// sums are those of a block's pieces, as it was written; nil if they cannot be had.
func (t *disks) sums(id BlockID) []uint64 {
	m, _, _, ok := t.find(id)
	if !ok {
		return nil
	}
	list, err := m.d.Sums(disk.ID(id))
	if err != nil {
		return nil
	}
	return list
}

// Verify compares a block with its checksums, whether that was done before or not, and drops it where it differs; in memory, as
// far as they are known. false: no tier has it, or has it any more.
func (s *Store) Verify(id BlockID) bool {
	there := false
	if s.mem != nil {
		if b := s.mem.get(&id); b != nil {
			there = s.mem.verify(b)
		}
	}
	for _, t := range s.disks {
		if m, _, _, ok := t.find(id); ok {
			err := m.d.Verify(disk.ID(id))
			if err == nil {
				return true
			}
			m.failed(err)
		}
	}
	return there
}
