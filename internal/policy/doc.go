// Package policy decides which block of a tier leaves next.
//
// # Model
//
// The caller owns slots (small integers) and tells the policy which key lives
// in which slot and what it costs. Each shard keeps three queues, as W-TinyLFU
// does (Einziger, Friedman, Manes: TinyLFU, 2017), and a sketch that counts how
// often each key was used of late:
//
//	Add -> window (LRU) -> duel -> probation (LRU) <-> protected (LRU)
//	                        |            |
//	                        v            v
//	                      Evict        Evict
//
// A newcomer enters the window. When it would leave, it fights the coldest
// block of the main part, and the one used less for each unit of cost goes. A small
// window resists scans and loops; a large one is LRU, which keeps what
// was just written and will be read twice. No size suits both, so a tuner
// simulates five sizes on a sample of the keys and all shards use the best.
//
// The capacity bounds nothing: the caller evicts when it likes, and the policy
// takes what is resident at that moment for the capacity.
//
// # Concurrency
//
// All methods may be called from any goroutine. Hit takes no lock. It is lossy:
// it writes a block's number to a ring that the next Add, Evict or Drain of the
// shard reads, once between two readings; when the ring is full it leaves a mark, which saves the
// block when eviction comes by. Uses of one slot by Add, Remove and
// the end of Evict must be ordered by the caller, who owns the slot. Lock order: a shard, then the
// tuner; the function given to Evict runs under a shard's lock.
//
// With one goroutine the decisions are a function of the calls and the seed.
package policy
