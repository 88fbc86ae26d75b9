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
	hostPieces = 1024
	hostPiece  = 64 * kiB // 64 MiB in all, which the collector lets grow to twice that and more
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

// hostMemory is goal 6: what a host with a full cache of 1 GiB has, against the cache and what the host has to have; the most that it takes while
// it works, against the same work without a cache, whose garbage is its own; and how often its collector runs.
func hostMemory(r *report) error {
	ctx := context.Background()
	h := newHost()
	var full, peaks, collections []float64
	var with, alone uint32
	var has, needs, peak, own int64
	for range r.rounds {
		debug.FreeOSMemory() // what earlier goals left is not the host's
		if err := forgetPeak(); err != nil {
			return err
		}
		alone = h.work(100)
		own = memoryOf("VmHWM") + hostCache
		debug.FreeOSMemory()
		needs = residentNow() + hostCache
		if err := forgetPeak(); err != nil {
			return err
		}
		err := withFullCache(ctx, func() {
			has = residentNow()
			with = h.work(100)
			peak = memoryOf("VmHWM")
		})
		if err != nil {
			return err
		}
		full = append(full, float64(has)/float64(needs))
		peaks = append(peaks, float64(peak)/float64(own))
		collections = append(collections, float64(with)/float64(max(alone, 1)))
	}
	r.line("resident with a cache of 1 GiB / (live + 1 GiB)", mib(has), mib(needs), atMost(1.15), full...)
	r.line("peak at work / (peak without a cache + 1 GiB)", mib(peak), mib(own), atMost(1.15), peaks...)
	r.line("host's collections with the cache / without", fmt.Sprint(with), fmt.Sprint(alone), atMost(1.10), collections...)
	runtime.KeepAlive(h)
	return nil
}

func mib(n int64) string { return fmt.Sprint(n>>20, "MiB") }

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
