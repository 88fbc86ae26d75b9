package namespace

import (
	"hash/maphash"
	"sync/atomic"
)

// The cache has an entry for each 16 to 64 inodes, within bounds: 16 KiB at first, 4 MiB from 4 million inodes on.
const (
	leastDirs = 1 << 10
	mostDirs  = 1 << 18
)

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
	return &dirCache{seed: maphash.MakeSeed(), entries: make([]dirEntry, leastDirs)}
}

func (c *dirCache) hash(dir string) uint64 { return maphash.String(c.seed, dir) }

// get is the inode of the directory with that hash, 0 for not known.
func (c *dirCache) get(hash uint64) uint64 {
	e := &c.entries[hash&uint64(len(c.entries)-1)]
	ino := e.ino.Load()
	if e.key.Load() != hash^ino^c.salt() {
		return 0
	}
	return ino
}

func (c *dirCache) put(hash, ino uint64) {
	e := &c.entries[hash&uint64(len(c.entries)-1)]
	e.ino.Store(ino)
	e.key.Store(hash ^ ino ^ c.salt())
}

// fit grows the cache for a tree of that many inodes. Called by changes, which are alone.
func (c *dirCache) fit(inodes int) {
	if n := len(c.entries); n < mostDirs && inodes > 64*n {
		c.entries = make([]dirEntry, 4*n)
	}
}

// forget makes all entries worth nothing. Called by changes, which are alone.
func (c *dirCache) forget() { c.epoch.Add(1) }

// salt differs in all bits from one epoch to the next, so that an entry of another epoch fits no hash but by chance.
func (c *dirCache) salt() uint64 { return (c.epoch.Load() + 1) * 0x9e3779b97f4a7c15 }
