package arena

import (
	"errors"
	"math/bits"
	"sync"
	"unsafe"
)

const (
	// PageSize is the unit of larger pieces.
	PageSize = 4 << 10
	classes  = 33 // free runs of at least 1<<i pages
	none     = ^uint32(0)
)

// ErrFull reports that no piece of the size is free.
var ErrFull = errors.New("arena: full")

// Extent is a contiguous piece, by its place in the arena.
type Extent struct {
	off uint64 // in grains
	n   uint32 // grains
}

const grain = 16 // bytes; slots begin and end at these

// Len is the extent's length in bytes.
func (e Extent) Len() int { return int(e.n) * grain }

// Arena is a range of memory cut into pieces.
type Arena struct {
	mem  []byte
	base unsafe.Pointer
	done func() error

	mu struct {
		sync.Mutex
		free      [classes]uint32 // heads of lists of free runs
		run       []uint32        // at the first and the last page of a free run: its length; 0: taken
		next      []uint32
		prev      []uint32
		freePages int64
		slabs     slabs
	}
}

// New maps size bytes, rounded down to pages; at least one page. The system gives the memory as it is touched.
func New(size int64) (*Arena, error) {
	pages := max(size/PageSize, 1)
	mem, done, err := reserve(int(pages * PageSize))
	if err != nil {
		return nil, err
	}
	a := &Arena{mem: mem, base: unsafe.Pointer(unsafe.SliceData(mem)), done: done}
	a.mu.run = make([]uint32, pages)
	a.mu.next = make([]uint32, pages)
	a.mu.prev = make([]uint32, pages)
	for i := range a.mu.free {
		a.mu.free[i] = none
	}
	a.mu.slabs.init()
	a.mu.freePages = pages
	a.pushLocked(0, uint32(pages))
	return a, nil
}

// Size is the arena's size in bytes.
func (a *Arena) Size() int64 { return int64(len(a.mem)) }

// Free is how many bytes are in no piece and no slab.
func (a *Arena) Free() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.mu.freePages * PageSize
}

// Close gives the memory back. Nobody may use an extent's bytes any more.
func (a *Arena) Close() error {
	if a.done == nil {
		return nil
	}
	done := a.done
	a.done = nil
	return done()
}

// Discard gives the memory's pages back and leaves the range of addresses: whoever still reads there, which nobody should, reads
// zeros and does not fault.
func (a *Arena) Discard() { discard(a.mem) }

// Bytes are the extent's bytes; they begin at a multiple of 16.
func (a *Arena) Bytes(e Extent) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(a.base, uintptr(e.off)*grain)), e.Len())
}

// Alloc returns one extent of at least min(n, what is free in one run) bytes, or ErrFull. A caller who gets less than n
// asks again for the rest.
func (a *Arena) Alloc(n int) (Extent, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if n <= maxSlot {
		return a.slotLocked(n)
	}
	return a.pagesLocked(uint32((n + PageSize - 1) / PageSize))
}

// Fits reports whether Alloc would give n bytes in all, in however many pieces.
func (a *Arena) Fits(n int) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.mu.freePages*PageSize >= int64(n)
}

// Release frees an extent.
func (a *Arena) Release(e Extent) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.freeSlotLocked(e) {
		a.freeRunLocked(e.page(), e.n/(PageSize/grain))
	}
}

// Trim frees what of e lies beyond n bytes, as far as whole pages do, and returns what is left. A slab's slot stays
// whole.
func (a *Arena) Trim(e Extent, n int) Extent {
	keep := uint32((n + PageSize - 1) / PageSize)
	pages := e.n / (PageSize / grain)
	if keep == 0 || keep >= pages || e.n%(PageSize/grain) != 0 {
		return e
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.mu.slabs.holds(e) {
		return e
	}
	a.freeRunLocked(e.page()+keep, pages-keep)
	return pageExtent(e.page(), keep)
}

func pageExtent(page, n uint32) Extent {
	return Extent{uint64(page) * (PageSize / grain), n * (PageSize / grain)}
}

// page is the number of the page that the extent begins in.
func (e Extent) page() uint32 { return uint32(e.off / (PageSize / grain)) }

func class(pages uint32) int { return bits.Len32(pages) - 1 }

// pagesLocked takes n pages in one run, or the longest run there is if that is shorter.
func (a *Arena) pagesLocked(n uint32) (Extent, error) {
	c := class(n)
	// The runs of n's own class may be shorter than n: look at a few. All above are long enough.
	at := a.mu.free[c]
	for tries := 0; at != none && a.mu.run[at] < n && tries < 8; tries++ {
		at = a.mu.next[at]
	}
	if at == none || a.mu.run[at] < n {
		at = none
		for k := c + 1; k < classes && at == none; k++ {
			at = a.mu.free[k]
		}
	}
	for k := c; k >= 0 && at == none; k-- {
		at = a.mu.free[k]
	}
	if at == none {
		return Extent{}, ErrFull
	}
	have := a.mu.run[at]
	a.removeLocked(at)
	if have > n {
		a.pushLocked(at+n, have-n)
		have = n
	}
	a.mu.freePages -= int64(have)
	return pageExtent(at, have), nil
}

// freeRunLocked joins a run with its free neighbours.
func (a *Arena) freeRunLocked(page, n uint32) {
	a.mu.freePages += int64(n)
	if page > 0 && a.mu.run[page-1] > 0 {
		before := page - a.mu.run[page-1]
		n += page - before
		a.removeLocked(before)
		page = before
	}
	if end := page + n; int(end) < len(a.mu.run) && a.mu.run[end] > 0 {
		n += a.mu.run[end]
		a.removeLocked(end)
	}
	a.pushLocked(page, n)
}

func (a *Arena) pushLocked(page, n uint32) {
	a.mu.run[page], a.mu.run[page+n-1] = n, n
	c := class(n)
	head := a.mu.free[c]
	a.mu.next[page], a.mu.prev[page] = head, none
	if head != none {
		a.mu.prev[head] = page
	}
	a.mu.free[c] = page
}

func (a *Arena) removeLocked(page uint32) {
	n := a.mu.run[page]
	next, prev := a.mu.next[page], a.mu.prev[page]
	if prev == none {
		a.mu.free[class(n)] = next
	} else {
		a.mu.next[prev] = next
	}
	if next != none {
		a.mu.prev[next] = prev
	}
	a.mu.run[page+n-1], a.mu.run[page] = 0, 0
}
