// Package inodes is a table of inodes that the garbage collector does not see: found by number or by directory and
// name, listed in the order of names, checkpointed while it changes.
//
// # Model
//
// An inode is a record of 64 bytes at a slot; its number is the slot and, in the high half, how often the slot was used
// before. A number is never given twice: a slot that was used 65,536 times is left alone.
//
//	record   FileID 16 (directories: their children) | size 8 | modified 8 | changed 8 | synced 8 |
//	         parent 4 | cell 4 | class 4 | generation 2 | flags 2
//	cell     length of name 1 | length of version 1 | name | version, packed
//	class    mode, owner, group, block size, replicas, homes, action at the end of a time to live; shared, counted
//	aside    leases, times to live, marks of intents; access lists, extended attributes, long versions
//	index    8 bytes a name: slot 4 | hash 4; open addressing at up to 4/5, 16 shards that grow alone
//	children slots in the order of their names, in leaves of up to 128; a directory of more has a list of leaves
//
// Records, cells and a large index lie in anonymous mappings (internal/offheap), so ten million files cost the collector
// nothing and some 110 bytes each. Cells come in classes of 4 bytes and more; what is freed is used again for its class.
//
// Pages of listings that were made are remembered, weakly, until their directory changes (pages.go).
//
// A tree that goes is cut off at once and forgotten in steps (loose.go).
//
// # Checkpoints
//
// Freeze marks a moment. Chunks of 64 slots are then encoded one by one; whoever is about to change a chunk that was not
// encoded yet encodes it first, so the pause does not grow with the table (the copy-on-write of databases, at the size
// of a chunk). Two tables to which the same calls were made encode to the same bytes.
//
//	checkpoint  header | chunk ... ; lengths in front of each
//	header      classes: count, first free, each: references 0 and the next free one, or its fields
//	            slots: count, first free, inodes; the last tree that was cut off, if there is one
//	chunk       64 slots: generation<<1|used; free ones the next free slot; used ones the fields of the record,
//	            name, packed version, and what is kept aside
//
// # Concurrency
//
// A Table has no lock: queries may run beside each other, changes alone. Its memory goes back to the system when the
// Table is collected: whoever calls a method keeps a reference to the Table until it returned.
package inodes
