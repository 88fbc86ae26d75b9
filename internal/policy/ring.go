package policy

import "sync/atomic"

// ringSize is how many hits a shard remembers in order between two drains.
const ringSize = 256

// ring carries hits from any goroutine to the holder of the shard's lock. It
// drops what does not fit, and what meets another writer: no hit waits.
type ring struct {
	tail atomic.Uint32
	_    [60]byte // writers claim by tail; the reader's head has its own line
	head atomic.Uint32
	_    [60]byte
	buf  [ringSize]atomic.Uint32 // slot + 1; 0 is claimed and not yet written
}

func (r *ring) full() bool { return r.tail.Load()-r.head.Load() >= ringSize }

// push reports whether slot was written. It writes nothing to a full ring.
func (r *ring) push(slot uint32) bool {
	t := r.tail.Load()
	if t-r.head.Load() >= ringSize || !r.tail.CompareAndSwap(t, t+1) {
		return false
	}
	r.buf[t%ringSize].Store(slot + 1)
	return true
}

// pop is called under the shard's lock. ok is false when the ring is empty
// or its next place is not yet written.
func (r *ring) pop() (slot uint32, ok bool) {
	h := r.head.Load()
	if h == r.tail.Load() {
		return 0, false
	}
	v := r.buf[h%ringSize].Load()
	if v == 0 {
		return 0, false
	}
	r.buf[h%ringSize].Store(0)
	r.head.Store(h + 1)
	return v - 1, true
}
