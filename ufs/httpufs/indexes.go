package httpufs

import (
	"slices"
	"sync"
)

// maxIndexes is how many listings may be between two pages without asking again: trees 16 deep, or as many flat ones.
const maxIndexes = 16

// indexes are the directories that listings are in the middle of, those put last.
type indexes struct {
	mu sync.Mutex
	of []kept
}

type kept struct {
	dir     string
	entries []entry
}

func (k *indexes) take(dir string) ([]entry, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	i := slices.IndexFunc(k.of, func(x kept) bool { return x.dir == dir })
	if i < 0 {
		return nil, false
	}
	entries := k.of[i].entries
	k.of = slices.Delete(k.of, i, i+1)
	return entries, true
}

func (k *indexes) put(dir string, entries []entry) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.of = slices.DeleteFunc(k.of, func(x kept) bool { return x.dir == dir })
	k.of = append(k.of, kept{dir, entries})
	if len(k.of) > maxIndexes {
		k.of = slices.Delete(k.of, 0, 1)
	}
}
