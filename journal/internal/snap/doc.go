// Package snap keeps checkpoints: a raft.SnapshotStore of checksummed streams on a [vfs.FS].
//
// # File
//
// One file for each checkpoint, named by its raft index, 20 decimal digits and ".ckpt". Numbers are little-endian.
//
//	 0      4      6      8            16     24             32          36    40
//	+------+------+------+------------+------+--------------+-----------+-----+---------------+
//	|"MPCK"|v u16 | 0    | raft index | term | config index | config len| crc | configuration |
//	+------+------+------+------------+------+--------------+-----------+-----+---------------+
//
// crc is CRC-32C over the header without itself, and the configuration (raft's encoding). Then the state in pieces:
//
//	+---------+-----+-----------+     len > 0: a piece; crc over its number (u64) and its bytes
//	| len u32 | crc | bytes ... |     len = 0: the end; crc over the number of pieces and the length of all
//	+---------+-----+-----------+
//
// A checkpoint is written aside, synced, renamed, and its directory synced. Reading checks each piece before it is
// handed on, so a restore can stream.
package snap
