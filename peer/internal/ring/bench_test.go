package ring_test

import (
	"encoding/binary"
	"math"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/golang/groupcache/consistenthash"

	"github.com/millpond/millpond/peer/internal/ring"
)

// points is how many consistenthash needs of each node for shares within about 5 % of the fair one.
const points = 4000

// BenchmarkOwner looks owners up, and sets the ring beside groupcache/consistenthash: how far the worst share is off, what a
// look-up and making it take, and its memory.
func BenchmarkOwner(b *testing.B) {
	for _, n := range []int{3, 25, 100, 1000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			ms := mesh(n, 1)
			var ids []string
			for _, m := range ms {
				ids = append(ids, m.ID)
			}
			var r *ring.Ring
			var h *consistenthash.Map
			ringTook, ringBytes := cost(func() { r = ring.New(ms...) })
			hashTook, hashBytes := cost(func() {
				h = consistenthash.New(points, nil)
				h.Add(ids...) // at once: each Add sorts all points
			})
			var key [20]byte
			i := uint64(0)
			for b.Loop() {
				i++
				binary.BigEndian.PutUint64(key[:], i)
				_ = r.Owner(key[:])
			}
			look := b.Elapsed() / time.Duration(b.N)
			start := time.Now()
			for i := range 100_000 {
				binary.BigEndian.PutUint64(key[:], uint64(i))
				_ = h.Get(string(key[:]))
			}
			b.ReportMetric(float64(time.Since(start)/100_000)/float64(look), "hash/look-up")
			b.ReportMetric(float64(hashTook)/float64(ringTook), "hash/build")
			b.ReportMetric(float64(hashBytes)/float64(ringBytes), "hash/memory")
			b.ReportMetric(ringTook.Seconds()*1000, "ms-build")
			b.ReportMetric(float64(ringBytes)/(1<<20), "MiB")
			b.ReportMetric(worst(shares(r), ring.Slots/float64(n)), "%off")
			b.ReportMetric(worst(sampled(h), samples/float64(n)), "%off-hash")
		})
	}
}

// BenchmarkChange adds a member and takes one away, against making the ring anew.
func BenchmarkChange(b *testing.B) {
	for _, n := range []int{3, 25, 100, 1000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			r := ring.New(mesh(n, 1)...)
			anew, _ := cost(func() { ring.New(mesh(n+1, 1)...) })
			for b.Loop() {
				r.With(ring.Member{ID: "new", Weight: 1024})
				r.Without("node-1")
			}
			b.ReportMetric(float64(anew)/float64(b.Elapsed()/time.Duration(2*b.N)), "anew/change")
		})
	}
}

// cost is the time that f takes and what stays allocated after it.
func cost(f func()) (time.Duration, uint64) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := time.Now()
	f()
	took := time.Since(start)
	runtime.GC()
	runtime.ReadMemStats(&after)
	return took, after.HeapAlloc - before.HeapAlloc
}

// worst is how far the share of any node is off the fair one, in percent.
func worst(share map[string]int, fair float64) float64 {
	off := 0.0
	for _, s := range share {
		off = max(off, math.Abs(float64(s)/fair-1))
	}
	return 100 * off
}

// samples are how many keys tell the shares of a consistenthash: within 7 % for 1,000 nodes, within 2 % for 100.
const samples = 2_000_000

func sampled(h *consistenthash.Map) map[string]int {
	share := map[string]int{}
	var key [20]byte
	for i := range uint64(samples) {
		binary.BigEndian.PutUint64(key[:], i*0x9E3779B97F4A7C15)
		share[h.Get(string(key[:]))]++
	}
	return share
}
