package arena

import "math/bits"

const (
	maxSlot   = 16 << 10
	slabPages = 16 // 64 KiB
	slabBytes = slabPages * PageSize
)

// slab is a run of pages cut into slots of one size.
type slab struct {
	page  uint32
	class uint8
	used  int32
	free  [slabBytes / 64 / 64]uint64 // a bit for each free slot
	open  bool                        // stands in its class's list
}

// slabs are all of them, and for each slot size those with room.
type slabs struct {
	byPage map[uint32]*slab
	open   [][]*slab
	sizes  []int
}

func (s *slabs) init() {
	s.byPage = map[uint32]*slab{}
	// Steps of an eighth or less waste 6 % on average; each size a multiple of the grain.
	for n := 64; n <= maxSlot; {
		s.sizes = append(s.sizes, n)
		step := max(16, (1<<(bits.Len(uint(n))-1))/8)
		n += step
	}
	s.open = make([][]*slab, len(s.sizes))
}

func (s *slabs) classOf(n int) int {
	lo, hi := 0, len(s.sizes)-1
	for lo < hi {
		if mid := (lo + hi) / 2; s.sizes[mid] >= n {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}

// of is the slab that an extent lies in; slabs begin anywhere, so its 16 pages are tried.
func (s *slabs) of(e Extent) *slab {
	page := e.page()
	for i := range uint32(slabPages) {
		if page < i {
			return nil
		}
		if sl := s.byPage[page-i]; sl != nil {
			return sl
		}
	}
	return nil
}

func (s *slabs) holds(e Extent) bool { return e.Len() <= maxSlot && s.of(e) != nil }

func (a *Arena) slotLocked(n int) (Extent, error) {
	s := &a.mu.slabs
	c := s.classOf(n)
	size := s.sizes[c]
	list := s.open[c]
	if len(list) == 0 {
		e, err := a.pagesLocked(slabPages)
		if err != nil {
			return Extent{}, err
		}
		if got := e.Len(); got < slabBytes {
			// The arena is down to crumbs: a page or more of its own for this piece.
			if got >= n {
				keep := uint32((n + PageSize - 1) / PageSize)
				page, pages := e.page(), e.n/(PageSize/grain)
				if keep < pages {
					a.freeRunLocked(page+keep, pages-keep)
				}
				return pageExtent(page, keep), nil
			}
			a.freeRunLocked(e.page(), e.n/(PageSize/grain))
			return Extent{}, ErrFull
		}
		sl := &slab{page: e.page(), class: uint8(c), open: true}
		for i := range slabBytes / size {
			sl.free[i/64] |= 1 << (i % 64)
		}
		s.byPage[sl.page] = sl
		s.open[c] = append(list, sl)
		list = s.open[c]
	}
	sl := list[len(list)-1]
	for w, word := range sl.free {
		if word == 0 {
			continue
		}
		i := w*64 + bits.TrailingZeros64(word)
		sl.free[w] &^= 1 << (i % 64)
		sl.used++
		if int(sl.used) == slabBytes/size {
			s.open[c] = list[:len(list)-1]
			sl.open = false
		}
		return Extent{uint64(sl.page)*(PageSize/grain) + uint64(i*size/grain), uint32(size / grain)}, nil
	}
	panic("arena: open slab without a free slot")
}

// freeSlotLocked frees e if it is a slab's slot. A slab that is empty goes back to the pages.
func (a *Arena) freeSlotLocked(e Extent) bool {
	if e.Len() > maxSlot {
		return false
	}
	s := &a.mu.slabs
	sl := s.of(e)
	if sl == nil {
		return false
	}
	size := s.sizes[sl.class]
	i := int(e.off-uint64(sl.page)*(PageSize/grain)) * grain / size
	sl.free[i/64] |= 1 << (i % 64)
	sl.used--
	list := s.open[sl.class]
	if sl.used == 0 {
		if sl.open {
			for k := range list {
				if list[k] == sl {
					list[k] = list[len(list)-1]
					s.open[sl.class] = list[:len(list)-1]
					break
				}
			}
		}
		delete(s.byPage, sl.page)
		a.freeRunLocked(sl.page, slabPages)
		return true
	}
	if !sl.open {
		sl.open = true
		s.open[sl.class] = append(list, sl)
	}
	return true
}
