package vfstest

import (
	"slices"
	"sync"

	"github.com/millpond/millpond/internal/vfs"
)

// result is what one run did before the power was lost.
type result struct {
	ops   int
	acked []string
	when  []int // for each of acked, the operations before it
}

// at is how many operations there were before an acknowledgement, otherwise if it did not come.
func (r *result) at(ack string, otherwise int) int {
	if i := slices.Index(r.acked, ack); i >= 0 {
		return r.when[i]
	}
	return otherwise
}

// runUntil runs work on a fresh disk until operation at (-1: to the end), then lets crash look at the disk as it was at
// that instant.
func runUntil(work func(vfs.FS, func(string)), at int, crash func(*vfs.Mem)) result {
	var mu sync.Mutex
	var r result
	dead := false
	mem := vfs.NewMem()
	die := func() {
		dead = true
		if crash != nil {
			crash(mem)
		}
	}
	fsys := vfs.NewFaulty(mem, func(op vfs.Op) error {
		mu.Lock()
		defer mu.Unlock()
		if !dead && op.Kind.Mutates() {
			if r.ops == at {
				die()
			} else {
				r.ops++
			}
		}
		if dead {
			return ErrCrashed
		}
		return nil
	})
	work(fsys, func(what string) {
		mu.Lock()
		defer mu.Unlock()
		if !dead {
			r.acked, r.when = append(r.acked, what), append(r.when, r.ops)
		}
	})
	mu.Lock()
	defer mu.Unlock()
	if !dead && crash != nil {
		die()
	}
	return r
}
