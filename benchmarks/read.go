package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"unsafe"

	"golang.org/x/sys/cpu"

	"github.com/millpond/millpond/cachefs"
)

// readers is what goals 1 to 3 compare: one file of 512 MiB hot in memory, the same file in the page
// cache, and the same bytes in a slice of the heap.
type readers struct {
	fx     *fixture
	ours   *cachefs.File
	theirs io.ReaderAt
	bare   []byte
	size   int64
	close  func()
}

func newReaders(ctx context.Context, r *report) (*readers, error) {
	const size = 512 * miB
	fx, err := newFixture(ctx, r, size+64*miB, 1, size)
	if err != nil {
		return nil, err
	}
	ours, theirs, err := fx.both(ctx, 0)
	if err != nil {
		fx.close()
		return nil, err
	}
	bare := make([]byte, size)
	if _, err := theirs.ReadAt(bare, 0); err != nil {
		return nil, err
	}
	return &readers{fx, ours, theirs, bare, size, func() { ours.Close(); theirs.Close(); fx.close() }}, nil
}

// at returns a side that reads n bytes at aligned offsets given by next.
func at(src io.ReaderAt, p []byte, next func() int64) side {
	return func(n int) error {
		for range n {
			if _, err := src.ReadAt(p, next()); err != nil {
				return err
			}
		}
		return nil
	}
}

func copies(src, p []byte, next func() int64) side {
	return func(n int) error {
		for range n {
			o := next()
			copy(p, src[o:o+int64(len(p))])
		}
		return nil
	}
}

// walk gives the offsets of a pass over size bytes in steps; jump gives random ones, the same for
// each side.
func walk(size, step int64) func() int64 {
	at := -step
	return func() int64 {
		if at += step; at+step > size {
			at = 0
		}
		return at
	}
}

func jump(size, step int64) func() int64 {
	rng := rand.New(rand.NewPCG(1, 2))
	return func() int64 { return rng.Int64N(size/step) * step }
}

func hotLarge(r *report) error {
	rd, err := newReaders(context.Background(), r)
	if err != nil {
		return err
	}
	defer rd.close()
	p := make([]byte, miB)
	ours := at(rd.ours, p, walk(rd.size, miB))
	wantCopy, wantFile := 0.92, 1.15
	if cpu.X86.HasERMS {
		wantCopy, wantFile = 1.25, 1.25
	}
	if err := r.compare("1 MiB ReadAt against Go's copy", atLeast(wantCopy), true, true, ours, copies(rd.bare, p, walk(rd.size, miB))); err != nil {
		return err
	}
	return r.compare("1 MiB ReadAt against os.File, page cache", atLeast(wantFile), true, true, ours, at(rd.theirs, p, walk(rd.size, miB)))
}

func random4K(r *report) error {
	rd, err := newReaders(context.Background(), r)
	if err != nil {
		return err
	}
	defer rd.close()
	p := make([]byte, 4*kiB)
	ours := at(rd.ours, p, jump(rd.size, 4*kiB))
	if err := r.compare("4 KiB random against Go's copy", atLeast(0.85), true, true, ours, copies(rd.bare, p, jump(rd.size, 4*kiB))); err != nil {
		return err
	}
	return r.compare("4 KiB random against os.File, page cache", atLeast(1.6), true, true, ours, at(rd.theirs, p, jump(rd.size, 4*kiB)))
}

func hotSmall(r *report) error {
	rd, err := newReaders(context.Background(), r)
	if err != nil {
		return err
	}
	defer rd.close()
	p := make([]byte, 64)
	ours, bare := at(rd.ours, p, jump(miB, 64)), copies(rd.bare, p, jump(miB, 64))
	if err := r.compare("64 B hot against a bare copy, in times", atMost(2.5), false, true, ours, bare); err != nil {
		return err
	}
	allocs, err := allocsPer(10_000, ours)
	if err != nil {
		return err
	}
	r.line("64 B hot, allocations a read", fmt.Sprint(allocs), "0", atMost(0), allocs)
	return nil
}

func viewRelease(r *report) error {
	rd, err := newReaders(context.Background(), r)
	if err != nil {
		return err
	}
	defer rd.close()
	var sink byte
	for _, size := range []int{64, 4 * kiB, miB} {
		next := jump(rd.size, miB)
		var each []float64
		for range r.rounds {
			const n = 200_000
			c, err := timed(n, func() error {
				for range n {
					v, err := rd.ours.View(next(), size)
					if err != nil {
						return err
					}
					sink ^= *unsafe.SliceData(v.Bytes())
					v.Release()
				}
				return nil
			})
			if err != nil {
				return err
			}
			each = append(each, c.each(true))
		}
		r.line(fmt.Sprintf("View and Release of %d B, ns", size), nanos(median(each)), "50ns", atMost(50), each...)
	}
	_ = sink
	return nil
}

func oneBlock(r *report) error {
	rd, err := newReaders(context.Background(), r)
	if err != nil {
		return err
	}
	defer rd.close()
	one := func(n int) error { return at(rd.ours, make([]byte, 64), jump(64*kiB, 64))(n) }
	eight := func(n int) error {
		var wg sync.WaitGroup
		errs := make([]error, 8)
		for g := range errs {
			wg.Go(func() { errs[g] = one(n/8 + 1) })
		}
		wg.Wait()
		for _, err := range errs {
			if err != nil {
				return err
			}
		}
		return nil
	}
	return r.compare("CPU a read, 8 goroutines against one", atMost(2), false, true, eight, one)
}
