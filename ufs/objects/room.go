package objects

import "sync/atomic"

// Room counts the bytes of memory that a bucket's uploads share. Nobody waits for it: a writer that did might wait for its own
// program's other writer.
type Room struct {
	size  int64
	taken atomic.Int64
}

// NewRoom has size bytes.
func NewRoom(size int64) *Room { return &Room{size: size} }

// Take takes n bytes if there are as many.
func (r *Room) Take(n int64) bool {
	if r.taken.Add(n) <= r.size {
		return true
	}
	r.taken.Add(-n)
	return false
}

// Give gives back n of the bytes that were taken.
func (r *Room) Give(n int64) { r.taken.Add(-n) }
