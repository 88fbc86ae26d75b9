package cachefs

import (
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millpond/millpond/internal/statcache"
)

// statCacheBytes bounds what the node remembers of looks into its stores: about 80,000 names.
const statCacheBytes = 16 << 20

// absent remembers names that a store was asked for and does not have, and when names that it has were seen last. All
// of it may be lost. The cache is made with the first mount: a node without any needs none.
type absent struct {
	c    atomic.Pointer[statcache.Cache]
	once sync.Once
}

func (a *absent) open() (err error) {
	a.once.Do(func() {
		var c *statcache.Cache
		if c, err = statcache.New(statCacheBytes); err == nil {
			a.c.Store(c)
		}
	})
	return err
}

func (a *absent) close() {
	if c := a.c.Load(); c != nil {
		c.Close()
	}
}

func missingKey(m *mount, key string) string { return m.spec.Store + "\x00" + key }
func seenKey(ino uint64) string              { return strconv.FormatUint(ino, 36) }

// missing returns when the store was last seen not to have key.
func (a *absent) missing(m *mount, key string) (at time.Time, ok bool) {
	if c := a.c.Load(); c != nil {
		return c.Seen(missingKey(m, key))
	}
	return at, false
}

// miss notes that the store does not have key.
func (a *absent) miss(m *mount, key string) {
	if c := a.c.Load(); c != nil {
		c.See(missingKey(m, key))
	}
}

// forget notes that the store has, or may have, key.
func (a *absent) forget(m *mount, key string) {
	if c := a.c.Load(); c != nil {
		c.Forget(missingKey(m, key))
	}
}

// seen returns when an inode was last found to be as the store has it.
func (a *absent) seen(ino uint64) (at time.Time, ok bool) {
	if c := a.c.Load(); c != nil {
		return c.Seen(seenKey(ino))
	}
	return at, false
}

// saw notes that an inode is as the store has it.
func (a *absent) saw(ino uint64) {
	if c := a.c.Load(); c != nil {
		c.See(seenKey(ino))
	}
}
