package policy

import (
	"sync"
	"sync/atomic"
)

// sizes are the windows that compete, in per cent.
var sizes = [...]uint64{1, 10, 30, 60, 95}

const (
	// sampleMax is how many entries a simulated cache has at most: with 2,048,
	// five of them cost 400 KiB whatever the cache holds, and 1 % of the
	// window is still 20 entries.
	sampleMax = 2048
	// periodTimes is how many sampled uses for each simulated entry lie between two choices:
	// several turns of a loop that is a little larger than the cache.
	periodTimes = 4
	// margin is by how much of all uses another size must be better, per mille.
	margin = 5
)

// tuner chooses the window's size for all shards: it plays the sampled keys'
// uses to a small cache of each size and takes the one that hit most.
type tuner struct {
	choice atomic.Uint64 // per cent
	shift  atomic.Uint32 // one key of 2^shift is sampled
	bound  atomic.Uint64 // what the real cache holds

	mu     sync.Mutex
	sims   [len(sizes)]sim
	sketch sketch
	hits   [len(sizes)]int // fading sums
	uses   int             // fading sum
	period int             // uses since the last choice
	best   int
}

func (u *tuner) init(capacity uint64) {
	u.bound.Store(capacity)
	u.choice.Store(sizes[0])
	u.sketch = newSketch()
	for i := range u.sims {
		u.sims[i].init(sizes[i])
	}
}

func (u *tuner) window() uint64      { return u.choice.Load() }
func (u *tuner) limit(bound uint64)  { u.bound.Store(bound) }
func sampled(key, shift uint32) bool { return key*0x9E3779B1>>(32-shift) == 0 }

// resident follows the number of blocks: the more, the fewer keys are sampled.
func (u *tuner) resident(n int64) {
	shift := u.shift.Load()
	if n>>shift > sampleMax {
		u.resample(shift, shift+1)
	} else if shift > 0 && n>>shift < sampleMax/4 {
		u.resample(shift, shift-1)
	}
}

func (u *tuner) resample(from, to uint32) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.shift.CompareAndSwap(from, to) {
		return
	}
	for i := range u.sims {
		u.sims[i].purge(to)
	}
}

// access plays one use. It is called under a shard's lock.
func (u *tuner) access(key, cost uint32) {
	shift := u.shift.Load()
	if !sampled(key, shift) {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	limit := u.bound.Load() >> shift
	entries := u.sims[u.best].len()
	u.sketch.add(key, entries)
	for i := range u.sims {
		if u.sims[i].access(&u.sketch, key, cost, limit) {
			u.hits[i]++
		}
	}
	u.uses++
	if u.period++; u.period >= periodTimes*max(entries, 64) {
		u.choose()
	}
}

// choose takes the best size if it is better by the margin, and lets the past fade.
func (u *tuner) choose() {
	best := u.best
	for i, h := range u.hits {
		if h > u.hits[best] {
			best = i
		}
	}
	if (u.hits[best]-u.hits[u.best])*1000 > margin*u.uses {
		u.best = best
		u.choice.Store(sizes[best])
	}
	for i := range u.hits {
		u.hits[i] /= 2
	}
	u.uses /= 2
	u.period = 0
}

func (u *tuner) bytes() int { return len(u.sims)*simBytes + minWords*8 }
