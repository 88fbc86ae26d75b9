// Package tier keeps blocks in tiers of memory and disk, fastest first.
//
// # Model
//
// A block is 1 byte to [MaxBlock] bytes under a [BlockID], and never changes. [Store.Put] and [Store.Create] admit one to the
// fastest tier that takes it. When a tier runs full, its eviction policy (package internal/policy) chooses what moves to
// the next tier, or away where there is none; a background goroutine does so ahead of need, and an admission waits only
// when it must. A block read from a disk may be promoted.
//
//	       Put, Create                 Get, ReadAt, View
//	            |                              |
//	            v                              |
//	memory: arena off the heap, no lock on a hit
//	            | evict          ^ promote
//	            v                |
//	SSD, HDD: directories of packed segments (tier/internal/disk)
//	            | evict
//	            v
//	          gone: the under store has it
//
// [Store.Hold] and [Store.Pin] keep a block in the cache; in memory it may still move to a disk, with its mark.
//
// # Guarantees
//
// What is read is what was put, or [ErrMiss]: bytes from a disk are checked when they are first touched after Open. A block
// that [Store.Save] returned for is on a disk, and so is what holds it. A [View] keeps its bytes until Release, through
// eviction, Drop and Close. Nothing that is held is dropped; what else cannot move down is counted and told.
//
// # Concurrency
//
// All methods may be called by any number of goroutines. A hit in memory takes no lock that an admission, an eviction or
// another hit can hold. One process at a time has a directory.
//
// # Errors
//
// [ErrMiss], [ErrNoSpace], [ErrBusy], [ErrNoDisk], [ErrExist], [ErrClosed]; wrong Configs are fs.ErrInvalid and name field, value
// and what would do. A directory that fails is taken out of service, told by [Events], and comes back by itself: its blocks
// are misses meanwhile.
package tier
