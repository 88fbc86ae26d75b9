package journal

import (
	"errors"
	"fmt"

	"github.com/millpond/millpond/journal/internal/seglog"
	"github.com/millpond/millpond/journal/internal/snap"
	"github.com/millpond/millpond/journal/internal/transport"
)

var (
	// ErrClosed answers every call after Close.
	ErrClosed = errors.New("journal is closed")
	// ErrNoPrimary says that no node led until the call's context ended.
	ErrNoPrimary = errors.New("no primary")
	// ErrTooManyOpen says that a session has MaxOpen operations whose answers it has not acknowledged.
	ErrTooManyOpen = errors.New("session has too many operations open")
	// ErrExpired says that an operation came too late to know whether it was applied before: it was acknowledged, or
	// first proposed longer than RetryWindow ago. It was not applied now.
	ErrExpired = errors.New("operation is too old to be retried")
	// ErrUnknownOutcome says that leadership or the way to the primary was lost while an operation was on its way, or that a node alone broke its
	// log in writing it: it may be applied, now or later, or not. An operation with a session is retried by Propose itself until its context ends.
	ErrUnknownOutcome = errors.New("the primary or the way to it was lost while committing: the outcome is unknown")
	// ErrTooLarge says that a command is larger than MaxCommand.
	ErrTooLarge = errors.New("command is too large")
)

// DamageError says which bytes of the log do not check: File, Offset, Reason.
type DamageError = seglog.DamageError

// CheckpointDamageError says which bytes of a checkpoint do not check: File, Offset, Reason.
type CheckpointDamageError = snap.DamageError

// ClusterError says that two nodes of one mesh hold different histories: Node, Ours, Theirs.
type ClusterError = transport.ClusterError

// CompactedError says that entries asked for are only in a checkpoint. First is the first one that can be had.
type CompactedError struct{ Asked, First uint64 }

func (e *CompactedError) Error() string {
	return fmt.Sprintf("entry %d has been compacted; the first one there is %d", e.Asked, e.First)
}

// UnknownCommandError stops a node: the log has a command that this build does not know. A later build reads it.
type UnknownCommandError struct {
	Index uint64 // of the entry
	Level uint32 // feature level that it needs
	Known uint32 // feature level of this node
	Err   error  // what the state machine says; nil if the level alone decided
}

func (e *UnknownCommandError) Error() string {
	s := fmt.Sprintf("entry %d needs feature level %d, this node has %d", e.Index, e.Level, e.Known)
	if e.Err != nil {
		s = fmt.Sprintf("entry %d: %v", e.Index, e.Err)
	}
	return s + ": the node stopped; start a newer version"
}

func (e *UnknownCommandError) Unwrap() error { return e.Err }

// StoppedError is what every call answers after the node stopped; Err says why.
type StoppedError struct{ Err error }

func (e *StoppedError) Error() string { return "journal stopped: " + e.Err.Error() }

func (e *StoppedError) Unwrap() error { return e.Err }
