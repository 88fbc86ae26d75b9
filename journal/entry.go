package journal

import "io"

// OpID names an operation, so that one that is retried happens once. The zero Session means no protection.
type OpID struct {
	// Session is 16 random bytes; see Journal.Session.
	Session [16]byte
	// Seq numbers the session's operations from 1 up.
	Seq uint64
	// Acked says that the operations up to here have been answered and will not come again; their answers are dropped.
	Acked uint64
	// At is when the operation was first proposed, ns; past RetryWindow it is refused. 0 does not say.
	At int64
}

// Entry is one change, as the state machine and subscribers see it.
type Entry struct {
	// Index numbers the changes from 1 up. A retry that was not applied again leaves a gap.
	Index uint64
	// Time is stamped by the primary, ns since 1970; it never goes back, over restarts and changes of primary too.
	Time int64
	// Op is the operation's identity.
	Op OpID
	// Cmd is the command; it must not be changed, and is only valid during the call that gives it.
	Cmd []byte
}

// StateMachine is what the journal replicates. Apply, Snapshot and Restore are called one at a time.
type StateMachine interface {
	// Apply applies entries in order and returns an answer for each. Answers are kept for retries: keep them small,
	// and do not change them later. It must give the same result on every node: no clock, no randomness.
	Apply(entries []Entry) [][]byte

	// Snapshot freezes the state as it is. It must be quick (copy on write): changes wait for it. More than one may be alive at a
	// time, a checkpoint's and a backup's.
	Snapshot() (Snapshot, error)

	// Restore replaces the state by what a Snapshot wrote. It may be called again after an error, with an older one; a reader that
	// fails its checksum fails with an error that Restore must return.
	Restore(r io.Reader) error

	// Level is the feature level that cmd needs; an error says that the command is unknown. It must depend on cmd alone
	// and is called from any goroutine.
	Level(cmd []byte) (uint32, error)
}

// Snapshot is a frozen state.
type Snapshot interface {
	// WriteTo writes it while changes go on.
	WriteTo(w io.Writer) (int64, error)
	// Release frees it; called once.
	Release()
}
