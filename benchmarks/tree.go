package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/millpond/millpond/internal/namespace"
)

const (
	treeFiles  = 10_000_000
	treePerDir = 1000
)

func treePath(i int) string { return fmt.Sprintf("/m/d%05d/f%03d.parquet", i/treePerDir, i%treePerDir) }

// newTree makes a namespace of files found in a store.
func newTree(files int) *namespace.Tree {
	t := namespace.New()
	index := uint64(0)
	apply := func(c interface{ Append([]byte) []byte }) {
		index++
		t.Apply(index, int64(index), c.Append(nil))
	}
	apply(&namespace.Mount{Path: "/m", Place: "file:///data"})
	_ = eachDiscover(files, func(d *namespace.Discover) error { apply(d); return nil })
	return t
}

// eachDiscover tells of files found in a store, with versions as a directory has them, one directory at a time.
func eachDiscover(files int, f func(*namespace.Discover) error) error {
	for i := 0; i < files; i += treePerDir {
		d := &namespace.Discover{Mount: "/m", SyncedAt: 1}
		for k := range min(treePerDir, files-i) {
			var id [16]byte
			id[0], id[1], id[2], id[3] = byte(i), byte(i>>8), byte(i>>16), byte(k)
			d.Entries = append(d.Entries, namespace.Found{
				Path: treePath(i + k)[3:], Size: int64(i), ModTime: 1764000000_000000000 + int64(i), Mode: 0o644, FileID: id, BlockSize: 4 * miB,
				Version: fmt.Sprintf("%d-%d-%d", i, 1764000000_000000000+int64(i), 1000+i+k),
			})
		}
		if err := f(d); err != nil {
			return err
		}
	}
	return nil
}

// statRandom compares a random stat with a Go map of paths. Who asks has a string of its own: the keys of the map are
// others, or it would compare pointers.
func statRandom(r *report) error {
	const files = treeFiles
	t := newTree(files)
	type file struct{ size int64 }
	paths, m := make([]string, files), make(map[string]*file, files)
	for i := range paths {
		paths[i] = treePath(i)
		m[treePath(i)] = &file{size: int64(i)}
	}
	rng := rand.New(rand.NewPCG(1, 1))
	ours := func(n int) error {
		var e namespace.Entry
		for range n {
			if err := t.StatEntry(paths[rng.IntN(files)], nil, &e); err != nil {
				return err
			}
		}
		return nil
	}
	var sink int64
	theirs := func(n int) error {
		for range n {
			sink += m[paths[rng.IntN(files)]].size
		}
		return nil
	}
	err := r.compare("stat random of 10 million against a map, in times", atMost(2), false, true, ours, theirs)
	runtime.KeepAlive(m)
	_ = sink
	return err
}

// tenMillion is goal 12.
func tenMillion(r *report) error {
	debug.FreeOSMemory()
	before, alone := residentNow(), forcedGCs(r.rounds)
	t := newTree(treeFiles)
	debug.FreeOSMemory()
	each := float64(residentNow()-before) / treeFiles
	r.line("10 million files, resident bytes of each", fmt.Sprintf("%.0f", each), "120", atMost(120), each)
	more := forcedGCs(r.rounds)
	for i := range more {
		more[i] -= alone[i]
	}
	r.line("10 million files, more CPU of a forced GC, ms", fmt.Sprintf("%.1f", median(more)), "10", atMost(10), more...)
	runtime.KeepAlive(t)
	return nil
}

// forcedGCs are the milliseconds of CPU that a collection takes, so many times.
func forcedGCs(rounds int) (ms []float64) {
	for range rounds {
		ms = append(ms, forcedGC().Seconds()*1000)
	}
	return ms
}

// forcedGC is the CPU of one collection, the least of five.
func forcedGC() time.Duration {
	least := time.Hour
	for range 5 {
		start := processCPU()
		runtime.GC()
		least = min(least, processCPU()-start)
	}
	return least
}

// checkpointPause is goal 14.
func checkpointPause(r *report) error {
	t := newTree(treeFiles)
	index := uint64(treeFiles)
	change := func(n int) error {
		for range n {
			index++
			t.Apply(index, int64(index), (&namespace.Mkdir{Path: fmt.Sprintf("/m/d%05d/x%d", index%(treeFiles/treePerDir), index)}).Append(nil))
		}
		return nil
	}
	const changes = 20_000
	var pauses, slower []float64
	for range r.rounds {
		alone, err := timed(changes, func() error { return change(changes) })
		if err != nil {
			return err
		}
		start := time.Now()
		c := t.Snapshot()
		pauses = append(pauses, float64(time.Since(start).Microseconds())/1000)
		var done atomic.Bool
		go func() { c.WriteTo(io.Discard); done.Store(true) }()
		with, err := timed(changes, func() error { return change(changes) })
		if err != nil {
			return err
		}
		slower = append(slower, with.each(false)/alone.each(false))
		for !done.Load() {
			time.Sleep(time.Millisecond)
		}
		c.Release()
	}
	r.line("checkpoint pause at 10 million files, ms", fmt.Sprintf("%.2f", median(pauses)), "2", atMost(2), pauses...)
	r.line("changes meanwhile, times slower", fmt.Sprintf("%.1f", median(slower)), "8", atMost(8), slower...)
	return nil
}
