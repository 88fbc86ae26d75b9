package tier

import (
	"errors"
	"io/fs"
)

var (
	// ErrMiss reports that no tier has the block.
	ErrMiss = errors.New("tier: block not cached")

	// ErrNoSpace reports that nothing can be evicted to make room: what is there is held, pinned or lent.
	ErrNoSpace = errors.New("no space left in any tier")

	// ErrBusy reports that there is no room at once; a Put without Try, or with a longer Wait, would wait.
	ErrBusy = errors.New("tier: no room at once")

	// ErrNoDisk reports that there is no disk tier to save to.
	ErrNoDisk = errors.New("tier: no disk tier")

	// ErrExist reports that the block is there already. It is fs.ErrExist: blocks never change, so its bytes are equal.
	ErrExist = fs.ErrExist

	// ErrDropped reports that the block was dropped while it was being written.
	ErrDropped = errors.New("tier: block dropped while it was written")

	// ErrClosed reports a call after Close. It is fs.ErrClosed.
	ErrClosed = fs.ErrClosed
)
