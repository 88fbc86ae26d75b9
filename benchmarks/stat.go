package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/millpond/millpond/cachefs"
)

// stat is goal 11 at the public API; the 10 million files are in tree.go.
func stat(r *report) error {
	ctx := context.Background()
	const files = 1000
	fx, err := newFixture(ctx, r, 64*miB, files, 64)
	if err != nil {
		return err
	}
	defer fx.close()
	names, osNames := make([]string, files), make([]string, files)
	for i := range files {
		names[i], osNames[i] = fx.name(i), fx.osName(i)
	}
	ours := func(n int) error {
		for i := range n {
			if _, err := fx.node.Stat(ctx, names[i%files], nil); err != nil {
				return err
			}
		}
		return nil
	}
	theirs := func(n int) error {
		for i := range n {
			if _, err := os.Lstat(osNames[i%files]); err != nil {
				return err
			}
		}
		return nil
	}
	if err := r.compare("stat hot against os.Lstat, in times", atMost(0.1), false, true, ours, theirs); err != nil {
		return err
	}
	var each []float64
	for range r.rounds {
		const n = 300_000
		c, err := timed(n, func() error { return ours(n) })
		if err != nil {
			return err
		}
		each = append(each, c.each(true))
	}
	r.line("stat hot, ns", nanos(median(each)), "200ns", atMost(200), each...)
	return statRandom(r)
}

// list is goal 13.
func list(r *report) error {
	ctx := context.Background()
	const files = 10_000
	fx, err := newFixture(ctx, r, 64*miB, files, 1)
	if err != nil {
		return err
	}
	defer fx.close()
	ours := func(n int) error {
		for range n {
			seen := 0
			for _, err := range fx.node.List(ctx, "/m", nil) {
				if err != nil {
					return err
				}
				seen++
			}
			if seen != files {
				return fmt.Errorf("listed %d of %d", seen, files)
			}
		}
		return nil
	}
	theirs := func(n int) error {
		for range n {
			es, err := os.ReadDir(fx.dir)
			if err != nil || len(es) != files {
				return fmt.Errorf("os.ReadDir: %d entries, %w", len(es), err)
			}
		}
		return nil
	}
	if err := r.compare("sorted List of 10,000 against os.ReadDir, in times", atMost(0.1), false, true, ours, theirs); err != nil {
		return err
	}
	pin := false
	changed := func(n int) error { // nothing that was listed before can be handed out again
		for range n {
			pin = !pin
			if err := fx.node.SetAttr(ctx, fx.name(7), &cachefs.AttrOptions{Pin: &pin}); err != nil {
				return err
			}
			if err := ours(1); err != nil {
				return err
			}
		}
		return nil
	}
	return r.compare("the same, each after a change in the directory", atMost(0.25), false, true, changed, theirs)
}

// writes is goal 17.
func writes(r *report) error {
	ctx := context.Background()
	const size = 64 * miB
	fx, err := newFixture(ctx, r, 512*miB, 1, 1)
	if err != nil {
		return err
	}
	defer fx.close()
	p := make([]byte, size)
	noise(p)
	write := func(path string, wt cachefs.WriteType) side {
		return func(n int) error {
			for range n {
				w, err := fx.node.Create(ctx, path, &cachefs.CreateOptions{WriteType: wt, Overwrite: true})
				if err != nil {
					return err
				}
				for off := 0; off < size; off += miB {
					if _, err := w.Write(p[off : off+miB]); err != nil {
						return err
					}
				}
				if err := w.Close(); err != nil {
					return err
				}
			}
			return nil
		}
	}
	direct := func(n int) error {
		for range n {
			if err := directWrite(filepath.Join(fx.dir, "direct"), p); err != nil {
				return err
			}
		}
		return nil
	}
	if err := r.compare("CacheThrough against a durable write to the store", atLeast(0.9), true, false, write("/m/through", cachefs.CacheThrough), direct); err != nil {
		return err
	}
	dst := make([]byte, size)
	bare := func(n int) error {
		for range n {
			for off := 0; off < size; off += miB {
				copy(dst[off:off+miB], p[off:off+miB])
			}
		}
		return nil
	}
	return r.compare("MustCache against memcpy", atLeast(0.8), true, true, write("/must", cachefs.MustCache), bare)
}

// directWrite publishes a file as a careful program would: aside, synced, renamed, directory synced.
func directWrite(path string, p []byte) error {
	f, err := os.OpenFile(path+".tmp", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	for off := 0; off < len(p); off += miB {
		if _, err := f.Write(p[off : off+miB]); err != nil {
			return err
		}
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
