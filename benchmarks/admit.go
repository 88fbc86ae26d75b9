package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/millpond/millpond/tier"
)

// blockID numbers blocks.
func blockID(i int) (id tier.BlockID) {
	binary.LittleEndian.PutUint64(id[:], uint64(i)*0x9E3779B97F4A7C15)
	binary.LittleEndian.PutUint64(id[8:], uint64(i))
	return id
}

// admit is goal 7: a block of 1 MiB into a full memory tier, evicting, against memcpy.
func admit(r *report) error {
	ctx := context.Background()
	s, err := tier.Open(ctx, tier.Options{BlockSize: miB}, tier.Config{Kind: tier.Memory, Size: 512 * miB})
	if err != nil {
		return err
	}
	defer s.Close(ctx)
	src, dst := make([]byte, 256*miB), make([]byte, 512*miB)
	noise(src)
	at := walk(int64(len(src)), miB)
	i := 0
	ours := func(n int) error {
		for range n {
			o := at()
			if err := s.Put(ctx, blockID(i), src[o:o+miB], tier.PutOptions{}); err != nil {
				return err
			}
			i++
		}
		return nil
	}
	if err := ours(1024); err != nil { // the arena is touched and full
		return err
	}
	to := walk(int64(len(dst)), miB)
	bare := func(n int) error {
		for range n {
			o, d := at(), to()
			copy(dst[d:d+miB], src[o:o+miB])
		}
		return nil
	}
	if err := bare(1024); err != nil {
		return err
	}
	if err := r.compare("admit 1 MiB against memcpy", atLeast(0.85), true, false, ours, bare); err != nil {
		return err
	}
	allocs, err := allocsPer(2000, ours)
	if err != nil {
		return err
	}
	r.line("admit 1 MiB, allocations", fmt.Sprint(allocs), "0", atMost(0), allocs)
	return nil
}

// diskTier is goal 21.
func diskTier(r *report) error {
	ctx := context.Background()
	dir, err := os.MkdirTemp(r.dir, "disk")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := diskHits(ctx, r, filepath.Join(dir, "hits")); err != nil {
		return err
	}
	if err := manyBlocks(ctx, r, filepath.Join(dir, "many")); err != nil {
		return err
	}
	return pageBlocks(ctx, r, filepath.Join(dir, "pages"))
}

// pageBlocks is what blocks of 4 KiB take on the disk.
func pageBlocks(ctx context.Context, r *report, dir string) error {
	const blocks, size = 100_000, 4 * kiB
	s, err := tier.Open(ctx, tier.Options{BlockSize: miB}, tier.Config{Kind: tier.SSD, Size: 1 << 30, Dirs: []tier.Dir{{Path: dir}}})
	if err != nil {
		return err
	}
	p := make([]byte, size)
	noise(p)
	for i := range blocks {
		if err := s.Put(ctx, blockID(i), p, tier.PutOptions{}); err != nil {
			return errors.Join(err, s.Close(ctx))
		}
	}
	if err := s.Close(ctx); err != nil {
		return err
	}
	disk, err := diskUse(dir)
	if err != nil {
		return err
	}
	r.line("100,000 blocks of 4 KiB, bytes on disk a byte", fmt.Sprint(disk>>20, "MiB"), fmt.Sprint(blocks*size>>20, "MiB"), atMost(1.1), float64(disk)/(blocks*size))
	return nil
}

// diskHits compares a hit without promotion with a pread on a kept descriptor.
func diskHits(ctx context.Context, r *report, dir string) error {
	s, err := tier.Open(ctx, tier.Options{BlockSize: miB}, tier.Config{Kind: tier.SSD, Size: 1 << 30, Dirs: []tier.Dir{{Path: dir}}})
	if err != nil {
		return err
	}
	defer s.Close(ctx)
	p := make([]byte, miB)
	noise(p)
	const blocks = 256
	f, err := os.Create(filepath.Join(filepath.Dir(dir), "plain"))
	if err != nil {
		return err
	}
	defer f.Close()
	for i := range blocks {
		if err := s.Put(ctx, blockID(i), p, tier.PutOptions{}); err != nil {
			return err
		}
		if _, err := f.Write(p); err != nil {
			return err
		}
	}
	for _, size := range []int64{4 * kiB, 64 * kiB, miB} {
		buf := make([]byte, size)
		next, nextTheirs := jump(blocks*miB, size), jump(blocks*miB, size)
		ours := func(n int) error {
			for range n {
				o := next()
				if _, _, err := s.ReadAt(ctx, blockID(int(o/miB)), buf, o%miB, false); err != nil {
					return err
				}
			}
			return nil
		}
		theirs := func(n int) error {
			for range n {
				if _, err := syscall.Pread(int(f.Fd()), buf, nextTheirs()); err != nil {
					return err
				}
			}
			return nil
		}
		name := fmt.Sprintf("disk hit of %d KiB against pread, CPU in times", size/kiB)
		if err := r.compare(name, atMost(1.15), false, true, ours, theirs); err != nil {
			return err
		}
	}
	return nil
}

// manyBlocks fills a directory with a million blocks of 1 KiB and opens it again.
func manyBlocks(ctx context.Context, r *report, dir string) error {
	const blocks = 1_000_000
	cfg := tier.Config{Kind: tier.SSD, Size: 4 << 30, Dirs: []tier.Dir{{Path: dir}}}
	s, err := tier.Open(ctx, tier.Options{BlockSize: miB}, cfg)
	if err != nil {
		return err
	}
	p := make([]byte, kiB)
	noise(p)
	debug.FreeOSMemory() // what earlier goals left would go meanwhile and count against this one
	before := residentNow()
	for i := range blocks {
		if err := s.Put(ctx, blockID(i), p, tier.PutOptions{}); err != nil {
			return err
		}
	}
	debug.FreeOSMemory()
	each := float64(residentNow()-before) / blocks
	if err := s.Close(ctx); err != nil {
		return err
	}
	disk, err := diskUse(dir)
	if err != nil {
		return err
	}
	r.line("a million blocks of 1 KiB, bytes on disk a byte", fmt.Sprint(disk>>20, "MiB"), "977MiB", atMost(1.3), float64(disk)/(blocks*kiB))
	r.line("a million blocks, memory of each in bytes", fmt.Sprintf("%.0f", each), "100", atMost(100), each)
	var opens []float64
	for range r.rounds {
		start := time.Now()
		s, err := tier.Open(ctx, tier.Options{BlockSize: miB}, cfg)
		if err != nil {
			return err
		}
		if _, _, err := s.ReadAt(ctx, blockID(blocks/2), p, 0, false); err != nil {
			return err
		}
		opens = append(opens, time.Since(start).Seconds())
		if err := s.Close(ctx); err != nil {
			return err
		}
	}
	r.line("a million blocks, first hit after Open, seconds", fmt.Sprintf("%.3f", median(opens)), "0.4", atMost(0.4), opens...)
	return nil
}

// diskUse is what the files below dir take, holes left out.
func diskUse(dir string) (n int64, err error) {
	err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			if st, ok := info.Sys().(*syscall.Stat_t); ok {
				n += st.Blocks * 512
			}
		}
		return err
	})
	return n, err
}
