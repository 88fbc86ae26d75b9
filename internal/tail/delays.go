package tail

import (
	"math/bits"
	"slices"
	"sync/atomic"
	"time"
)

// Delays are how long the latest answers took.
type Delays struct {
	recent []atomic.Int64 // ns
	enough uint64
	count  atomic.Uint64
	p95    atomic.Int64 // ns; 0: not known yet
}

// NewDelays remembers the latest size answers, at least 8, and knows their p95 when it has seen enough.
func NewDelays(size, enough int) *Delays {
	return &Delays{recent: make([]atomic.Int64, size), enough: uint64(enough)}
}

// Observe takes how long an answer took.
func (d *Delays) Observe(took time.Duration) {
	size := uint64(len(d.recent))
	n := d.count.Add(1)
	d.recent[(n-1)%size].Store(int64(took))
	if n >= d.enough && (n%(size/8) == 0 || bits.OnesCount64(n) == 1) { // sorting 256 numbers is 10 µs
		d.renew(int(min(n, size)))
	}
}

func (d *Delays) renew(n int) {
	all := make([]int64, n)
	for i := range all {
		all[i] = d.recent[i].Load()
	}
	slices.Sort(all)
	d.p95.Store(max(all[(n*95-1)/100], 1))
}

// P95 is what 95 % of the latest answers took at most; 0 while there are not enough.
func (d *Delays) P95() time.Duration { return time.Duration(d.p95.Load()) }
