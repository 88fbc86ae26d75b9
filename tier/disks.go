package tier

import (
	"context"
	"errors"
	"fmt"

	"github.com/millpond/millpond/tier/internal/disk"
)

// disks is a disk tier: directories with a quota each.
type disks struct {
	s     *Store
	cfg   Config
	dirs  []*directory
	count counters
}

func newDisks(s *Store, cfg Config) (*disks, error) {
	t := &disks{s: s, cfg: cfg}
	for _, c := range cfg.Dirs {
		dir := newDirectory(t, c)
		if err := dir.open(); err != nil {
			return t, err
		}
		t.dirs = append(t.dirs, dir)
	}
	return t, nil
}

// find is the directory that has the block.
func (t *disks) find(id BlockID) (m *mounted, length int64, flags disk.Flags, ok bool) {
	for _, dir := range t.dirs {
		if m := dir.readable(); m != nil {
			if _, n, fl, here := m.d.Lookup(disk.ID(id)); here {
				return m, n, fl, true
			}
		}
	}
	return nil, 0, 0, false
}

// readAt reads from whichever directory has the block: ErrMiss if none does. With check the bytes are compared with their checksums,
// whether that was done since Open or not.
func (t *disks) readAt(id BlockID, p []byte, off int64, check bool) (int, error) {
	for _, dir := range t.dirs {
		m := dir.readable()
		if m == nil {
			continue
		}
		n, slot, err := m.read(id, p, off, check)
		switch {
		case err == nil:
			m.pol.Hit(slot)
			return n, nil
		case errors.Is(err, disk.ErrMiss), errors.Is(err, disk.ErrCorrupt), m.failed(err):
			continue // elsewhere, or from the under store
		default:
			return 0, err
		}
	}
	return 0, ErrMiss
}

func (m *mounted) read(id BlockID, p []byte, off int64, check bool) (n int, slot uint32, err error) {
	if check {
		return m.d.ReadChecked(disk.ID(id), p, off)
	}
	return m.d.ReadSlot(disk.ID(id), p, off)
}

// putHints say how a block enters a disk tier.
type putHints struct {
	flags disk.Flags
	freq  int  // how often it was used of late, as the policy of the tier above counts
	try   bool // ErrBusy rather than wait for a tier below
}

// put admits the copy that mv announces to one of the directories, evicting to the next tier as it must. Errors: ErrExist,
// ErrDropped, ErrNoSpace if none of them can make room, ErrBusy.
func (t *disks) put(ctx context.Context, mv *move, id BlockID, data [][]byte, h putHints) error {
	if _, _, _, ok := t.find(id); ok {
		return ErrExist
	}
	busy := false
	for _, dir := range t.order() {
		err := dir.put(ctx, &mv.dropped, id, data, h)
		switch {
		case err == nil:
			t.count.admissions.Add(1)
			return nil
		case errors.Is(err, ErrBusy):
			busy = true
		case !errors.Is(err, ErrNoSpace):
			return err
		}
	}
	if busy {
		return ErrBusy
	}
	return t.noRoom()
}

// noRoom is ErrNoSpace, and says which directories could have room but are out of service.
func (t *disks) noRoom() error {
	err := ErrNoSpace
	for _, dir := range t.dirs {
		m := dir.cur.Load()
		if m == nil || !m.down.Load() {
			continue
		}
		if why := m.why.Load(); why != nil {
			err = fmt.Errorf("%w; %s is out of service: %v", err, dir.path, *why) // its conditions are no word on a block
		}
	}
	return err
}

// order lists the directories that take blocks, the one with the largest free share first.
func (t *disks) order() []*directory {
	var best []*directory
	top := -1.0
	for _, dir := range t.dirs {
		m := dir.writable()
		if m == nil {
			continue
		}
		share := 1 - float64(m.d.Used())/float64(max(1, m.d.Capacity()))
		if share > top {
			top = share
			best = append([]*directory{dir}, best...)
		} else {
			best = append(best, dir)
		}
	}
	return best
}

// sync makes a block durable where it is.
func (t *disks) sync(id BlockID) error {
	m, _, _, ok := t.find(id)
	if !ok {
		return ErrMiss
	}
	return m.sync(disk.ID(id))
}

// setFlags changes what keeps a block here, durably. Errors: ErrMiss; those of a directory, which has been taken out.
func (t *disks) setFlags(id BlockID, set, clear disk.Flags) error {
	found := false
	for _, dir := range t.dirs {
		err := dir.always(func(m *mounted) error { return m.setFlags(id, set, clear) })
		if err == nil {
			found = true
		} else if !errors.Is(err, ErrMiss) {
			return err
		}
	}
	if !found {
		return ErrMiss
	}
	return nil
}

func (t *disks) drop(id BlockID) (was bool) {
	for _, dir := range t.dirs {
		_ = dir.always(func(m *mounted) error {
			was = m.d.Delete(disk.ID(id)) || was
			return nil
		})
	}
	return was
}

func (t *disks) dropFile(f FileID) (n int) {
	for _, dir := range t.dirs {
		_ = dir.always(func(m *mounted) error {
			n += m.d.DeleteFile(f)
			return nil
		})
	}
	return n
}
