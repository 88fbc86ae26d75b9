package inodes

import (
	"math/bits"
	"unsafe"
)

// unit is what cells are measured in: lists of slots lie in them too.
const (
	unit      = 4
	pageUnits = pageBytes / unit
	maxUnits  = 128 // the largest cell: 512 bytes, or a leaf of 128 slots
	classes   = 25
)

// cells hands out pieces of memory by their size class; a reference is page<<16 | unit, 0 for none.
type cells struct {
	slab[uint32]
	page, at int             // where the next new cell begins
	free     [classes]uint32 // the last cell that came back, which holds the one before it
}

// sizeClass is the class of n units and how many units its cells have: each up to 8, then four for each doubling.
func sizeClass(n int) (class, units int) {
	if n <= 8 {
		return n, n
	}
	shift := bits.Len(uint(n-1)) - 3
	q := (n - 1) >> shift // 4 to 7
	return 8 + (shift-1)*4 + q - 3, (q + 1) << shift
}

// alloc gives a cell of at least n units. Its content is what was there.
func (c *cells) alloc(n int) uint32 {
	class, units := sizeClass(n)
	if ref := c.free[class]; ref != 0 {
		c.free[class] = c.pages[ref>>16][ref&0xffff]
		return ref
	}
	if c.at+units > pageUnits {
		c.page, c.at = c.page+1, 0
	}
	if c.page == len(c.pages) {
		c.grow(pageUnits)
	}
	if c.page == 0 && c.at == 0 {
		c.at = 1 // reference 0 is none
	}
	ref := uint32(c.page<<16 | c.at)
	c.at += units
	return ref
}

// sparePages are left for what is no new name: children of directories, longer versions. 64 MiB.
const sparePages = 256

// full reports whether new cells are about to run out of references.
func (c *cells) full() bool { return c.page >= 1<<16-sparePages }

// put takes back a cell that was asked for with n units.
func (c *cells) put(ref uint32, n int) {
	class, _ := sizeClass(n)
	c.pages[ref>>16][ref&0xffff] = c.free[class]
	c.free[class] = ref
}

func (c *cells) slots(ref uint32, n int) []uint32 {
	at := int(ref & 0xffff)
	return c.pages[ref>>16][at : at+n : at+n]
}

func (c *cells) bytes(ref uint32, n int) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(&c.pages[ref>>16][ref&0xffff])), n)
}
