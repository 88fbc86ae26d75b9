package tail

import "sync/atomic"

const (
	every = 20 // requests for one more: 5 %
	burst = 10 // unspent ones that are kept: a quiet hour does not pay for a storm
)

// Budget says how many second requests may be made. The zero value has paid for none.
type Budget struct {
	parts atomic.Int64 // of which every pay for one
}

// Earn counts a request.
func (b *Budget) Earn() {
	if b.parts.Load() < burst*every {
		b.parts.Add(1)
	}
}

// Spend takes one second request out of the budget, if there is one left.
func (b *Budget) Spend() bool {
	for {
		p := b.parts.Load()
		if p < every {
			return false
		}
		if b.parts.CompareAndSwap(p, p-every) {
			return true
		}
	}
}
