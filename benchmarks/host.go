package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/millpond/millpond/tier"
)

// A host is a program that uses the cache: it has hostPieces pieces of memory, and makes garbage of them as long as it works.
type host [][]byte

const (
	hostPieces = 2048
	hostPiece  = 64 * kiB // 128 MiB in all, which its collector lets grow to twice that
	hostCache  = 1 << 30
)

func newHost() host {
	h := make(host, hostPieces)
	for i := range h {
		h[i] = newPiece()
	}
	return h
}

// newPiece is a piece of which each page is there.
func newPiece() []byte {
	p := make([]byte, hostPiece)
	for i := 0; i < len(p); i += 4 * kiB {
		p[i] = 1
	}
	return p
}

// work returns how many collections it takes to make each piece anew so many times.
func (h host) work(times int) uint32 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range times * len(h) {
		h[i%len(h)] = newPiece()
	}
	runtime.ReadMemStats(&after)
	return after.NumGC - before.NumGC
}

// hostMemory is goal 6: the most memory that a host with a cache of 1 GiB takes, against the cache and what the host itself has to have, and how
// often its collector runs, against the same work without a cache.
func hostMemory(r *report) error {
	ctx := context.Background()
	h := newHost()
	var memory, collections []float64
	var peak, least int64
	var with, alone uint32
	for range r.rounds {
		debug.FreeOSMemory() // what earlier goals left is not the host's
		least = residentNow() + hostCache
		alone = h.work(50)
		debug.FreeOSMemory()
		if err := forgetPeak(); err != nil {
			return err
		}
		err := withFullCache(ctx, func() { with = h.work(50) })
		if err != nil {
			return err
		}
		peak = memoryOf("VmHWM")
		memory = append(memory, float64(peak)/float64(least))
		collections = append(collections, float64(with)/float64(max(alone, 1)))
	}
	r.line("peak memory with a cache of 1 GiB / (host + 1 GiB)", fmt.Sprint(peak>>20, "MiB"), fmt.Sprint(least>>20, "MiB"), atMost(1.15), memory...)
	r.line("host's collections with the cache / without", fmt.Sprint(with), fmt.Sprint(alone), atMost(1.10), collections...)
	runtime.KeepAlive(h)
	return nil
}

// withFullCache calls do beside a memory tier of hostCache bytes that was given twice what it holds.
func withFullCache(ctx context.Context, do func()) (err error) {
	s, err := tier.Open(ctx, tier.Options{}, tier.Config{Kind: tier.Memory, Size: hostCache})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close(ctx)) }()
	p := make([]byte, 4*miB)
	noise(p)
	for i := range 2 * hostCache / len(p) {
		if err := s.Put(ctx, blockID(i), p, tier.PutOptions{}); err != nil {
			return err
		}
	}
	do()
	return nil
}

// forgetPeak has VmHWM begin anew, where the system has such a thing.
func forgetPeak() error {
	err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}
