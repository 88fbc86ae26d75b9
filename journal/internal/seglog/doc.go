// Package seglog is a raft log in append-only, checksummed segment files on a [vfs.FS].
//
// # Files
//
// A directory holds segments named by the first index in them, 20 decimal digits and ".seg". Each begins with
//
//	 0      4      6      8              16             24     28     32
//	+------+------+------+--------------+--------------+------+------+
//	|"MPLG"|v u16 | 0    | first index  | salt         | 0    | crc  |
//	+------+------+------+--------------+--------------+------+------+
//
// and goes on with records, each padded with zeros to 8 bytes, numbers little-endian:
//
//	 0      4      8              16             24             32     36   37   38     40
//	+------+------+--------------+--------------+--------------+------+----+----+------+----------------+
//	| len  | crc  | index        | term         | appended ns  | base |type| 0  | ext  | data, extension|
//	+------+------+--------------+--------------+--------------+------+----+----+------+----------------+
//
// len counts data and extension, ext the extension alone. crc is CRC-32C over the salt and then the record from byte 8 to its end,
// without padding. base is the offset in the file at which the write that brought the record began: all before it
// was durable then. Type 255 is a seal: a clean close wrote it, it carries no entry.
//
// # What a bad record means
//
// Records are written in batches, one sync each, so only the last batch can be torn by a crash. A record that does
// not check ends the log if nothing valid follows whose base lies beyond it: that is a torn tail, cut off. If something does,
// the bad bytes had been durable: that is damage, and an [DamageError] naming file and offset. So is any bad
// byte in a segment that another follows. Salt keeps bytes that a caller stored from passing for a record. What cannot be told from a
// torn tail is damage to the very last batch of a log that was not closed.
package seglog
