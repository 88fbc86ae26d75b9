// Package backups keeps backups in a directory of an under store, and who may write them. What they are of it does not know.
//
// # Model
//
// The directory has a log: entries that are numbered, each a key that is created exclusively (Caps.IfAbsent), so that of two who write
// the same number one is refused. An entry is a claim or a backup. Who claims last holds the place, and nobody else can add a backup:
// his next number is taken, by that claim or behind it. The number of the claim is the epoch, as in "fencing token" (M. Kleppmann, How to
// do distributed locking, 2016); here the store itself compares it.
//
// A backup's bytes are in a file of their own, written before its entry: a crash between leaves the backups before as they were.
//
// # Files
//
//	DIR/00000000000000000012.json                      entry 12
//	DIR/00000000000000000012-9f86d081884c7d65.ckpt     bytes of the backup that is, or was to be, entry 12
//
// An entry is two lines: JSON, and the xxhash64 of the first line, 16 hex digits:
//
//	{"format":1,"number":12,"epoch":9,"owner":"...","id":"9f86d081884c7d65","made":"2026-11-25T21:00:00Z",
//	 "backup":{"index":1234,"size":8192,"sum":"ef46db3751d8e999"}}
//	d5579c46dfcc7f18
//
// without "backup" if it is a claim. Sum is the xxhash64 of the bytes. Fields may be added; a greater format is refused by name.
//
// # Guarantees
//
//   - A backup whose Save returned nil is the newest one, and was made by who held the place then.
//   - Two are kept. A damaged one is passed over for the one before it; if none is left that is an error, not a beginning without one.
//
// # Concurrency
//
// Methods may be called at the same time, by any number of processes.
package backups
