// Package namespace is the tree of files and directories that every node holds a replica of: a pure state machine.
// Commands go in, answers and effects come out; it does no I/O, has no clock and starts no goroutine.
//
// # Model
//
// A Tree is changed by Apply alone, which is given the journal's index and time with each command. Replicas that apply
// the same commands hold the same tree, give the same answers and encode to the same bytes. The inodes lie in a
// pointer-free table (internal/inodes); a command works on copies of those that it touches (node.go), which are written
// back when it is done.
//
// What touches an under store as well is an intent: Begin checks what the commit will need and holds the inodes and
// names, the store is called, End commits or reverts. Queries see the old state meanwhile; commands that would touch
// what is held answer IntentError.
//
// A command works on a bounded number of inodes. A tree that goes is cut off at once and forgotten in steps, a recursive
// SetAttr is a SetAttrBelow for each step, a listing that lacks names of a large directory is followed in steps; Continue goes
// on with what was left, and answers say that something is.
//
// What a look at a store found is told by Discover and Forget. They are applied late: a name that was changed here since
// the look began is left alone (touched.go).
//
// # Concurrency
//
// Queries run beside each other and beside a checkpoint being written. A command is alone; a query waits for one command
// at most, a command for a page of a listing at most.
//
// # Errors
//
// Answers carry the sentinels of errors.go by number: the order of coded is part of the format.
//
// # Formats
//
// Integers are varints, signed ones zigzag; strings and bytes have their length in front; an optional field begins with
// 0 or 1. A command that is unknown, short or long is refused, and the journal stops the node (Level):
// Continue, SetAttrBelow and Remount need level 2, ExpireNode, BeginBy, Adopt,
// EndBy, SetHomes and FreeFiles level 3, Leaving level 4.
//
//	command     1 | number of the command 1 | its fields in the order of commands_*.go
//	answer      error | intent that holds | inode | intent begun | FileID 16; in few: more to Continue | where to go on
//	checkpoint  piece ... ; each with its length in front
//	piece 1     "MPNS" 3 or 4 | next intent | index | touched names | mounts | intents | 4: who leaves | sweeps of directories that are unfinished
//	piece 2     header of the table; then its chunks (internal/inodes)
package namespace
