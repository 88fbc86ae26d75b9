// Package disk keeps blocks in one directory of a disk tier.
//
// # Model
//
// Blocks are appended to segment files, back to back or, if their length is a multiple of 4 KiB or at least 64 KiB, each
// on a page of its own. An index in memory (64 bytes a block outside the Go heap and 5 to 6 for its hash table, without
// pointers) says where each one is; an append-only log of 48-byte records says so on disk. A block is its owner's to
// evict: Put fails with ErrFull when Used would exceed Capacity. Each block has a slot, a small number that stays its own
// until it leaves, for the tables of an eviction policy.
//
// What dies in a segment of aligned blocks is punched out of the file. Where that gives nothing back (small blocks, no
// holes on this system) segments with much garbage are copied, and a segment without live blocks is removed.
//
// # Guarantees
//
//   - A read returns the bytes that were put, or an error. Every piece of 64 KiB has an XXH3, made by Put, compared
//     when the piece is first read after Open and whenever it is copied. What does not match is dropped: ErrCorrupt.
//   - Put's blocks survive the end of the process. What Sync or SetFlags has acknowledged survives any crash. A Delete may
//     be forgotten by a crash of the machine; the block is then whole.
//   - DiskBytes stays within the quota, after a short overshoot of at most one index snapshot (48 bytes a block) and the
//     blocks that are being written at that instant; after a crash, or a smaller SetQuota, as soon as Put succeeds again. A sixteenth of the quota is kept back for copies and file tails.
//   - A Put waits for the disk once Options.DirtyLimit bytes are on their way to it.
//
// # Concurrency
//
// All methods of Dir may be called at any time. A read waits for no lock; it looks again if the block moved or left
// meanwhile. One goroutine works behind; Close ends it.
//
// Lock order: reclaiming, compacting, rolling, a shard's mutex, log.file, log.mu, space. Only rolling, compacting,
// reclaiming, flushing and log.file are held across I/O.
//
// # Errors
//
// ErrMiss, ErrCorrupt, ErrExist and ErrFull are about a block. *DirError, which is ErrDirFailed, is about the directory
// and wraps the system's error.
//
// # Format
//
//	DIR/FORMAT                     "millpond disk tier\nformat 2\n"; anything else is refused
//	DIR/LOCK                       held by the one process that uses the directory
//	DIR/data/XX/NNNNNNNN.small     segment NNNNNNNN (hex) of packed blocks; XX is its number modulo 64
//	DIR/data/XX/NNNNNNNN.large     segment of blocks that start on a page, those of 1 MiB or more on a MiB
//	DIR/log-GGGGGGGGGGGGGGGG       records of generation G (hex)
//	DIR/snapshot-GGGGGGGGGGGGGGGG  the whole index as of the beginning of log G; replaces all older index files
//
// A block in a segment:
//
//	+---------------------+----------------------------------------------+---------+
//	| bytes               | XXH3 of each 64 KiB, if more than 64 KiB     | padding |
//	+---------------------+----------------------------------------------+---------+
//
// A record, 48 bytes, little-endian. A put has the block's whole state, so the last record of a block counts. Damaged
// ones are skipped: at the end of a log they are what a crash tore, before a good one they are reported.
//
//	0      4     5      6    8        12      16      20         40     48
//	+------+-----+------+----+--------+-------+-------+----------+------+
//	| check| kind| flags| 0  | segment| offset| length| id       | sum  |
//	+------+-----+------+----+--------+-------+-------+----------+------+
//
//	check  high half of (xxhash64 of bytes 4..48, plus G) times 0x9e3779b97f4a7c15
//	kind   1 put, 2 delete, 3 segment is durable, 4 end of a snapshot (sum: records before it)
//	flags  1 held, 2 pinned
//	sum    XXH3 of the bytes, or of the table if there is one
//
// An index file begins with 48 bytes: "mpdisk-L" or "mpdisk-S", version (uint32, 1), 4 zero, G (uint64), 16 zero,
// xxhash64 of those 40. Segment numbers and offsets are never used twice, so a record never means other bytes than those
// it was written for.
package disk
