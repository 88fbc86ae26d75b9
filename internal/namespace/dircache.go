package namespace

import (
	"hash/maphash"
	"sync/atomic"
)

const dirCacheSize = 4096

// dirCache remembers the inodes of directories by the hash of their paths, so that a look-up that needs no permissions
// is two probes whatever the depth. Its hash has a seed of its own; that one of 64 bits stands for two paths is not to
// be expected in the life of a machine. Readers fill it beside each other: an entry whose halves do not fit is none.
type dirCache struct {
	seed    maphash.Seed
	epoch   atomic.Uint64
	entries []dirEntry
}

type dirEntry struct{ key, ino atomic.Uint64 }

func newDirCache() *dirCache {
	return &dirCache{seed: maphash.MakeSeed(), entries: make([]dirEntry, dirCacheSize)}
}

func (c *dirCache) hash(dir string) uint64 { return maphash.String(c.seed, dir) }

// get is the inode of the directory with that hash, 0 for not known.
func (c *dirCache) get(hash uint64) uint64 {
	e := &c.entries[hash%dirCacheSize]
	ino := e.ino.Load()
	if e.key.Load() != hash^ino^c.salt() {
		return 0
	}
	return ino
}

func (c *dirCache) put(hash, ino uint64) {
	e := &c.entries[hash%dirCacheSize]
	e.ino.Store(ino)
	e.key.Store(hash ^ ino ^ c.salt())
}

// forget makes all entries worth nothing. Called by changes, which are alone.
func (c *dirCache) forget() { c.epoch.Add(1) }

// salt differs in all bits from one epoch to the next, so that an entry of another epoch fits no hash but by chance.
func (c *dirCache) salt() uint64 { return (c.epoch.Load() + 1) * 0x9e3779b97f4a7c15 }
