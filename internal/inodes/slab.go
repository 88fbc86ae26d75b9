package inodes

import "github.com/millpond/millpond/internal/offheap"

// A small table maps a page at a time, so that an empty one is light; a large one maps 16, which get huge pages.
const (
	pageBytes  = 256 << 10
	singlePage = 16
	mapPages   = 16
)

// slab is a growing array off the heap whose elements do not move.
type slab[T any] struct {
	pages [][]T
	maps  [][]T
}

// grow adds at least one page of per elements.
func (s *slab[T]) grow(per int) {
	n := 1
	if len(s.pages) >= singlePage {
		n = mapPages
	}
	m := offheap.Make[T](n * per)
	s.maps = append(s.maps, m)
	for i := range n {
		s.pages = append(s.pages, m[i*per:(i+1)*per:(i+1)*per])
	}
}

func (s *slab[T]) release() {
	for _, m := range s.maps {
		offheap.Free(m)
	}
	s.maps, s.pages = nil, nil
}
