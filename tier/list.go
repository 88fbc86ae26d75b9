package tier

import (
	"iter"

	"github.com/millpond/millpond/tier/internal/disk"
)

// BlockInfo describes a block in a tier.
type BlockInfo struct {
	ID           BlockID
	Kind         Kind
	Len          int64 // bytes
	Held, Pinned bool
}

// All yields the blocks that stay during the walk, and perhaps some that come or go; a block that two tiers have, twice.
// What lies in a directory that cannot be read now is left out.
func (s *Store) All() iter.Seq[BlockInfo] {
	return func(yield func(BlockInfo) bool) {
		if s.mem != nil {
			for b := range s.mem.index.all() {
				if !yield(BlockInfo{b.id, Memory, b.length, b.has(flagHeld), b.has(flagPinned)}) {
					return
				}
			}
		}
		for _, t := range s.disks {
			for _, dir := range t.dirs {
				m := dir.readable()
				if m == nil {
					continue
				}
				for i := range m.d.All() {
					if !yield(BlockInfo{BlockID(i.ID), t.cfg.Kind, i.Length, i.Flags&disk.Held != 0, i.Flags&disk.Pinned != 0}) {
						return
					}
				}
			}
		}
	}
}
