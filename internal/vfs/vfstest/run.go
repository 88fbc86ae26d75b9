package vfstest

import (
	"sync"

	"github.com/millpond/millpond/internal/vfs"
)

// result is what one run did before the power was lost.
type result struct {
	ops   int
	acked []string
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
			r.acked = append(r.acked, what)
		}
	})
	mu.Lock()
	defer mu.Unlock()
	if !dead && crash != nil {
		die()
	}
	return r
}
