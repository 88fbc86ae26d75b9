package cachefs

import "sync/atomic"

const (
	minWindow = 64 << 10
	maxWindow = 1 << 20 // at 100 MB/s 10 ms: as long as a store takes for the first byte
)

// window makes one request of many small reads where nothing is to be cached, or a node is asked by a Client: a reader who goes on where the last one
// ended is brought more than it asked for, twice as much each time, and what it has not read yet waits here and nowhere
// else. A reader who jumps gets what it asks for.
type window struct {
	buf  []byte // of the file, from off on
	off  int64
	next int64 // where a sequential reader goes on
	size int   // bytes of the last request
}

// windows is an open file's window. Who reads takes it out and puts it back; who finds none, because another reader has
// it, does without.
type windows struct{ idle atomic.Pointer[window] }

// readUncached fills p from off on, past the tiers and by way of the window.
func (f *File) readUncached(p []byte, off int64) error {
	w := f.windows.idle.Swap(nil)
	if w == nil {
		return f.readDirect(p, off)
	}
	defer func() {
		f.windows.idle.Store(w)
		if f.closed.Load() { // Close has not seen it
			f.windows.idle.Store(nil)
		}
	}()
	return w.read(f, p, off)
}

// readDirect is readUncached without the window.
func (f *File) readDirect(p []byte, off int64) error {
	if f.far != nil {
		return f.far.read(f, p, off)
	}
	return f.readPast(f.ctx, p, off, asGuest, "")
}

func (w *window) read(f *File, p []byte, off int64) error {
	goesOn := off == w.next
	w.next = off + int64(len(p))
	if at := off - w.off; at >= 0 && at < int64(len(w.buf)) {
		n := copy(p, w.buf[at:])
		if n == len(p) {
			return nil
		}
		p, off = p[n:], off+int64(n)
	}
	if w.size = min(max(2*w.size, minWindow), maxWindow); !goesOn {
		w.size = 0
	}
	want := int(min(int64(w.size), f.in.Size-off))
	if want <= len(p) {
		w.buf = nil
		return f.readDirect(p, off)
	}
	if cap(w.buf) < want {
		w.buf = make([]byte, want)
	}
	w.buf, w.off = w.buf[:want], off
	if err := f.readDirect(w.buf, off); err != nil {
		w.buf = nil
		return err
	}
	copy(p, w.buf)
	return nil
}
