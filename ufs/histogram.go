package ufs

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// histogramBuckets reach from below 1 µs to 2^31 µs, 36 minutes, and beyond.
const histogramBuckets = 33

// Histogram is a distribution of durations: a value. Bucket 0 counts those below 1 µs, bucket i those from 2^(i-1) µs to
// below 2^i µs, the last all that are longer.
type Histogram struct{ Buckets [histogramBuckets]int64 }

// bucket is where a duration is counted.
func bucket(d time.Duration) int {
	return min(bits.Len64(uint64(max(d, 0)/time.Microsecond)), histogramBuckets-1)
}

// Count is how many durations were counted.
func (h Histogram) Count() (n int64) {
	for _, c := range h.Buckets {
		n += c
	}
	return n
}

// Quantile is a duration that a share q (0 to 1) of those counted do not exceed, to within the factor of two of a
// bucket; 0 if nothing was counted.
func (h Histogram) Quantile(q float64) time.Duration {
	left := int64(q * float64(h.Count()))
	for i, c := range h.Buckets {
		if left -= c; c > 0 && left <= 0 {
			return time.Microsecond << i
		}
	}
	return 0
}

// histogram counts from any number of goroutines.
type histogram [histogramBuckets]atomic.Int64

func (h *histogram) observe(d time.Duration) { h[bucket(d)].Add(1) }

func (h *histogram) value() (v Histogram) {
	for i := range h {
		v.Buckets[i] = h[i].Load()
	}
	return v
}
