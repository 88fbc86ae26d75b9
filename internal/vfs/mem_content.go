package vfs

import "math/bits"

const (
	pageSize   = 64 << 10 // bytes that one entry of a content's map holds
	unitSize   = 4 << 10  // what a disk allocates and a hole gives back, as ext4 and xfs do
	sectorSize = 512      // what a disk writes whole or not at all
)

// content is the bytes of one file at one time. Missing pages, and what lies past a page's end, are zeros.
type content struct {
	size  int64
	pages map[int64]*page
}

// page holds pageSize bytes of a file, cut at the last one written.
type page struct {
	b      []byte
	alloc  uint16 // a bit for each unit that takes space
	shared bool   // b is another content's too: copy before writing
}

func (c *content) readAt(p []byte, off int64) int {
	if off >= c.size {
		return 0
	}
	p = p[:min(int64(len(p)), c.size-off)]
	for n := 0; n < len(p); {
		at := off + int64(n)
		in := int(at % pageSize)
		piece := p[n:min(len(p), n+pageSize-in)]
		got := 0
		if pg := c.pages[at/pageSize]; pg != nil && in < len(pg.b) {
			got = copy(piece, pg.b[in:])
		}
		clear(piece[got:])
		n += len(piece)
	}
	return len(p)
}

// writable returns page i with at least n bytes that are this content's alone.
func (c *content) writable(i int64, n int) *page {
	pg := c.pages[i]
	if pg == nil {
		if c.pages == nil {
			c.pages = make(map[int64]*page)
		}
		pg = &page{}
		c.pages[i] = pg
	}
	if pg.shared {
		pg = &page{b: append(make([]byte, 0, max(n, len(pg.b))), pg.b...), alloc: pg.alloc}
		c.pages[i] = pg
	}
	if short := n - len(pg.b); short > 0 {
		pg.b = append(pg.b, make([]byte, short)...)
	}
	return pg
}

// units are the bits of the units that bytes [in, in+n) of a page touch.
func units(in, n int) uint16 {
	first, last := in/unitSize, (in+n-1)/unitSize
	return uint16(1<<(last+1) - 1<<first)
}

// missing is how many bytes writing p's length at off would allocate; both lie in one page.
func (c *content) missing(off int64, n int) int64 {
	u := units(int(off%pageSize), n)
	if pg := c.pages[off/pageSize]; pg != nil {
		u &^= pg.alloc
	}
	return int64(bits.OnesCount16(u)) * unitSize
}

func (c *content) write(p []byte, off int64) {
	for len(p) > 0 {
		in := int(off % pageSize)
		n := min(len(p), pageSize-in)
		pg := c.writable(off/pageSize, in+n)
		copy(pg.b[in:], p[:n])
		pg.alloc |= units(in, n)
		c.size = max(c.size, off+int64(n))
		p, off = p[n:], off+int64(n)
	}
}

// zero clears [off, off+n) and gives back the units that lie in it whole. The size stays.
func (c *content) zero(off, n int64) {
	for i := off / pageSize; n > 0; i++ {
		in := int(off - i*pageSize)
		k := int(min(n, int64(pageSize-in)))
		c.zeroIn(i, in, k)
		off, n = off+int64(k), n-int64(k)
	}
}

func (c *content) zeroIn(i int64, in, n int) {
	pg := c.pages[i]
	if pg == nil {
		return
	}
	if in == 0 && n >= len(pg.b) {
		delete(c.pages, i)
		return
	}
	if in < len(pg.b) {
		pg = c.writable(i, 0)
		clear(pg.b[in:min(in+n, len(pg.b))])
	}
	first, end := (in+unitSize-1)/unitSize, (in+n)/unitSize
	if first < end {
		pg.alloc &^= units(first*unitSize, (end-first)*unitSize)
	}
}

func (c *content) truncate(size int64) {
	if size < c.size {
		c.cut(size)
	}
	c.size = size
}

// cut drops every byte from size on.
func (c *content) cut(size int64) {
	last := (size + pageSize - 1) / pageSize
	for i := range c.pages {
		if i >= last {
			delete(c.pages, i)
		}
	}
	in := int(size % pageSize)
	if in == 0 || c.pages[size/pageSize] == nil {
		return
	}
	pg := c.writable(size/pageSize, 0)
	if len(pg.b) > in {
		clear(pg.b[in:])
		pg.b = pg.b[:in]
	}
	pg.alloc &= units(0, in)
}

func (c *content) allocated() int64 {
	n := 0
	for _, pg := range c.pages {
		n += bits.OnesCount16(pg.alloc)
	}
	return int64(n) * unitSize
}

// sharePage makes dst's page i the same bytes as c's; whoever writes first copies.
func (c *content) sharePage(dst *content, i int64) {
	pg := c.pages[i]
	if pg == nil {
		delete(dst.pages, i)
		return
	}
	if dst.pages == nil {
		dst.pages = make(map[int64]*page)
	}
	pg.shared = true
	dst.pages[i] = &page{b: pg.b, alloc: pg.alloc, shared: true}
}

// share returns the same bytes as another content.
func (c *content) share() content {
	dst := content{size: c.size, pages: make(map[int64]*page, len(c.pages))}
	for i := range c.pages {
		c.sharePage(&dst, i)
	}
	return dst
}
