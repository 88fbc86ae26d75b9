package peer

import (
	"errors"
	"io/fs"
)

var (
	// ErrMissing reports that the peer does not have the block.
	ErrMissing = errors.New("peer lacks the block")
	// ErrUnreachable reports that a request surely did not reach the peer: it may be sent again, there or elsewhere.
	ErrUnreachable = errors.New("peer is unreachable")
	// ErrUnknownOutcome reports that the connection broke while a call was on its way: the peer may have served it or not.
	ErrUnknownOutcome = errors.New("connection broke during the call: the outcome is unknown")
	// ErrChecksum reports that the bytes of a block were not what the peer's checksum says.
	ErrChecksum = errors.New("block does not match its checksum")
	// ErrTooLarge reports a request, answer or Meta beyond its bound.
	ErrTooLarge = errors.New("message is too large")
	// ErrClosed reports a call after Close. It is fs.ErrClosed.
	ErrClosed = fs.ErrClosed
)
