// Package tier keeps blocks in tiers of memory and disk, fastest first.
//
// # Model
//
// A block is 1 byte to [MaxBlock] bytes under a [BlockID], and never changes. [Store.Put] and [Store.Create] admit one to the
// fastest tier that takes it. When a tier runs full, its eviction policy (package internal/policy) chooses what moves to
// the next tier that takes it, or away where there is none; a background goroutine does so ahead of need, between the watermarks of
// [Config], and an admission waits only when it must. A block read from a disk may be promoted.
//
//	       Put, Create                 Get, ReadAt, View
//	            |                              |
//	            v                              |
//	memory: arena off the heap, no lock on a hit
//	            | evict          ^ promote (the copy on the disk stays)
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
//   - What is read is what was put, or [ErrMiss]: bytes from a disk are checked when they are first touched after Open, and each time that they go
//     to memory or to another disk, or are read by [Store.ReadChecked].
//   - A block is found whole or not at all: from Commit or Put on, never before, never after Abort.
//   - A dropped block stays away, whatever was on its way between tiers when it was dropped, or being written.
//   - What [Store.Save] returned for is on a disk, and so is what holds it, after a crash at any instant. Nothing that is held is
//     evicted, if Hold returned before.
//   - A [View] keeps its bytes until Release, through eviction, Drop and Close. With Options.Poison bytes that have left are
//     overwritten, so that a View used after its Release is seen.
//   - Nothing is lost silently: what should move down and cannot is counted and told by [Events]; an admission that is faster
//     than the disk waits within its context, or is refused with [ErrBusy].
//   - Directories are 0700, files 0600.
//
// # Concurrency
//
// All methods may be called by any number of goroutines. A hit takes no lock that an admission, an eviction or another hit can hold. In
// memory it follows atomic pointers to the [Block], copies, and asks the block's state whether it lived all the while; on a disk it does
// so with the index's entry, around the read. The policies hear of hits through rings without locks. A hit that promotes asks for it
// through a channel. Who releases the last View of a block that has left gives its bytes back, under the arena's lock, which nobody holds
// while bytes move. One process at a time has a directory; the error names the other's pid.
//
// # Errors
//
// [ErrMiss], [ErrNoSpace], [ErrBusy], [ErrNoDisk], [ErrExist], [ErrDropped], [ErrClosed]; wrong arguments and Configs are
// fs.ErrInvalid and name field, value and what would do. After Close everything is ErrClosed, and handles of before are dead.
//
// A directory that fails is taken out of service, told by [Events], and comes back by itself. While only its writes fail (it is full, read-only) its
// blocks can be read; when reading fails, or it is gone, they are misses. What is dropped and unmarked meanwhile is not forgotten.
package tier
