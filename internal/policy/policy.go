package policy

import (
	"sync/atomic"
)

// Config sizes a Policy.
type Config struct {
	// Capacity is what the tier holds, in the unit of Add's cost (bytes, pages, blocks). It
	// guides the filling of an empty cache; later the policy goes by what is
	// resident when a victim is asked for.
	Capacity uint64
	// Shards is the number of parts with a lock each, 1-65536. A shard should
	// hold 64 blocks or more. Default 1.
	Shards int
	// Seed changes which keys share shards and counters. Default 0.
	Seed uint64
}

// Policy is an eviction policy over slots. See the package's Concurrency.
type Policy struct {
	seed   uint64
	table  table
	tuner  tuner
	shards []shard
	cursor atomic.Uint32 // shard of the last newcomer or choice
	turn   atomic.Uint32 // where the search for a full shard begins
	total  atomic.Uint64 // cost of all slots
	count  atomic.Int64
}

// New makes an empty policy.
func New(c Config) *Policy {
	n := min(max(c.Shards, 1), 1<<16)
	p := &Policy{seed: mix(c.Seed + 0x9E3779B97F4A7C15), shards: make([]shard, n)}
	p.tuner.init(c.Capacity)
	for i := range p.shards {
		p.shards[i].init(uint32(i), &p.table, &p.tuner, c.Capacity/uint64(n))
	}
	return p
}

// place maps a key to its shard and to the 32 bits that stand for it there.
// Keys that share the 32 bits share a count, no more.
func (p *Policy) place(key uint64) (*shard, uint32) {
	h := mix(key ^ p.seed)
	return &p.shards[reduce(uint32(h>>32), len(p.shards))], uint32(h)
}

// Hit tells that the block in slot was used. It takes no lock, allocates
// nothing, and may be called for a slot that is leaving or has left. It may be lost.
func (p *Policy) Hit(slot uint32) {
	e := p.table.find(slot)
	if e == nil {
		return
	}
	st := e.state.Load()
	if st&queued != 0 || st&whereMask == 0 {
		return // read only: any number of cores may hit one block
	}
	r := &p.shards[st>>shardBit].ring
	if r.full() {
		if st&marked == 0 {
			e.state.CompareAndSwap(st, st|marked)
		}
		return
	}
	// The flag goes first: set after the push it could outlive the drain that
	// clears it, and the slot's hits would be ignored until it left.
	if e.state.CompareAndSwap(st, st|queued) && !r.push(slot) {
		e.state.And(^uint32(queued))
	}
}

// Add queues the block of key in slot, at cost, and counts one use. A slot
// that is queued already is replaced. Of a cost the first 7 bits count: less
// than 0.8 % is left out.
func (p *Policy) Add(key uint64, slot, cost uint32) { p.AddWarm(key, slot, cost, 0) }

// AddWarm is Add for a block that another policy knew: freq is what its
// Frequency said there.
func (p *Policy) AddWarm(key uint64, slot, cost uint32, freq int) {
	cost = costOf(packCost(cost))
	p.table.ensure(slot)
	p.Remove(slot)
	s, short := p.place(key)
	p.tuner.resident(p.count.Add(1))
	p.total.Add(uint64(cost))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drain()
	s.admit(short, slot, cost, freq)
	s.settle()
	s.windowCost.Store(s.queue[window].cost)
	p.cursor.Store(s.id)
}

// Remove takes slot out, and reports whether it was queued.
func (p *Policy) Remove(slot uint32) bool {
	e := p.table.find(slot)
	if e == nil {
		return false
	}
	st := e.state.Load()
	if st&whereMask == 0 {
		return false
	}
	s := &p.shards[st>>shardBit]
	s.mu.Lock()
	defer s.mu.Unlock()
	if st = e.state.Load(); st&whereMask == 0 || st>>shardBit != s.id {
		return false // evicted meanwhile
	}
	s.drop(slot, e)
	p.left(e.cost())
	return true
}

func (p *Policy) left(cost uint32) {
	p.count.Add(-1)
	p.total.Add(-uint64(cost))
}

// Release tells that a slot that Evict was refused may go now. Without it the
// slot is asked for again by and by.
func (p *Policy) Release(slot uint32) {
	e := p.table.find(slot)
	if e == nil || e.where() != parked {
		return
	}
	s := &p.shards[e.state.Load()>>shardBit]
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.where() == parked && e.state.Load()>>shardBit == s.id {
		s.move(slot, e, probation)
	}
}

// Evict takes the next victim out of the policy and returns its slot.
//
// canEvict is asked about each choice, under a shard's lock: it must not wait
// and not call the policy. True is final: that slot is the victim. A refused slot
// is set aside and asked for again later, a few on each call, so that many
// held blocks cost each call little. ok is false when all are refused; beyond
// 1,024 of them in a shard, a call asks that many and the next one goes on from there.
func (p *Policy) Evict(canEvict func(slot uint32) bool) (slot uint32, ok bool) {
	n := len(p.shards)
	p.tuner.limit(p.total.Load())
	at := p.choose()
	for i := range n {
		s := &p.shards[(at+i)%n]
		if slot, ok = s.evict(canEvict); ok {
			p.left(p.table.at(slot).cost())
			return slot, true
		}
	}
	return none, false
}

// choose is the shard to evict from: one whose window is over its share, from
// the last choice or newcomer on, else (the window was made larger) one that holds its share of
// the cost. To take from a shard that got no newcomer would let its next one
// in without a duel.
func (p *Policy) choose() int {
	n := len(p.shards)
	if n == 1 {
		return 0
	}
	at, share := int(p.cursor.Load()), p.total.Load()/uint64(n)
	room := max(share*p.tuner.window()/100, 1)
	for i := range n {
		if k := (at + i) % n; p.shards[k].windowCost.Load() > room {
			p.cursor.Store(uint32(k))
			return k
		}
	}
	at = int(p.turn.Add(1))
	for i := range n {
		if k := (at + i) % n; p.shards[k].cost.Load() >= share {
			return k
		}
	}
	return at % n
}

// Drain plays the hits that wait in the rings. Add and Evict do it for their
// shard; a caller that does neither for long may call it now and then.
func (p *Policy) Drain() {
	for i := range p.shards {
		s := &p.shards[i]
		s.mu.Lock()
		s.drain()
		s.mu.Unlock()
	}
}

// Resize says that the tier holds capacity now. A smaller one takes effect as the
// caller evicts.
func (p *Policy) Resize(capacity uint64) {
	p.tuner.limit(capacity)
	for i := range p.shards {
		s := &p.shards[i]
		s.mu.Lock()
		s.limit = capacity / uint64(len(p.shards))
		s.mu.Unlock()
	}
}

// Frequency is how often key was used of late, 0-15, resident or not: the
// hint for AddWarm of the policy that gets the block next.
func (p *Policy) Frequency(key uint64) int {
	s, short := p.place(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sketch.get(short)
}

// Stats is a policy at one moment.
type Stats struct {
	Blocks int
	Cost   uint64 // in the unit of Add
	Window int    // share of the window, per cent
	Bytes  int    // memory that the policy itself takes
}

// Stats may be called at any time; its numbers need not belong together.
func (p *Policy) Stats() Stats {
	st := Stats{
		Blocks: int(p.count.Load()), Cost: p.total.Load(), Window: int(p.tuner.window()),
		Bytes: p.table.bytes() + p.tuner.bytes(),
	}
	for i := range p.shards {
		s := &p.shards[i]
		s.mu.Lock()
		st.Bytes += len(s.sketch.words)*8 + 2048
		s.mu.Unlock()
	}
	return st
}
