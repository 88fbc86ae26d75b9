// Package statcache remembers what looks into an under store answered, in a bounded number of bytes: what is not there,
// and when what is there was last seen. Everything in it may be lost at any time, at the cost of one look more.
package statcache

import (
	"sync"
	"time"

	"github.com/dgraph-io/ristretto/v2"
)

// entryCost is what an entry takes beside its key: ristretto's maps, its policy and its value.
const entryCost = 150

// counters are kept for each entry that fits. ristretto's advice is 10, and Close clears them all, a byte at a time; 4 are what
// Caffeine's TinyLFU has.
const counters = 4

// Cache maps keys to times. The zero Cache is not usable: New. Safe for concurrent use.
type Cache struct {
	c      *ristretto.Cache[string, time.Time]
	forget sync.Mutex // one Forget at a time; taken before open
	open   struct {
		sync.RWMutex
		closed bool // ristretto does not bear a call beside Close or after it
	}
}

// New returns a cache of at most size bytes.
func New(size int64) (*Cache, error) {
	c, err := ristretto.NewCache(&ristretto.Config[string, time.Time]{
		NumCounters: max(1_000, counters*size/(2*entryCost)), MaxCost: size, BufferItems: 64, IgnoreInternalCost: true,
	})
	if err != nil {
		return nil, err
	}
	return &Cache{c: c}, nil
}

// Seen returns when key was seen last.
func (c *Cache) Seen(key string) (at time.Time, ok bool) {
	c.open.RLock()
	defer c.open.RUnlock()
	if c.open.closed {
		return at, false
	}
	return c.c.Get(key)
}

// See notes that key was seen now. It may be dropped, and shows a little later.
func (c *Cache) See(key string) {
	c.open.RLock()
	defer c.open.RUnlock()
	if !c.open.closed {
		c.c.Set(key, time.Now(), int64(len(key))+entryCost)
	}
}

// Forget makes key not seen. It shows at once, also against a See that does not show yet.
func (c *Cache) Forget(key string) {
	c.forget.Lock()
	defer c.forget.Unlock()
	c.open.RLock()
	defer c.open.RUnlock()
	if c.open.closed {
		return
	}
	c.c.Wait() // a Set that is still on its way would come after the Del
	c.c.Del(key)
	c.c.Wait()
}

// Close ends the cache's goroutines. Later calls find nothing and note nothing.
func (c *Cache) Close() {
	c.open.Lock()
	defer c.open.Unlock()
	if !c.open.closed {
		c.open.closed = true
		c.c.Close()
	}
}
