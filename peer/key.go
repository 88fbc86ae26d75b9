package peer

import "encoding/hex"

// Key names a block. The mesh hashes it and does not look inside.
type Key [20]byte

// String is the key in hexadecimal.
func (k Key) String() string { return hex.EncodeToString(k[:]) }

// BlockRequest asks a peer for a part of a block.
type BlockRequest struct {
	Key         Key
	Off, Length int64  // bytes, within the block
	Fill        bool   // bring the block from its store if you lack it; else answer ErrMissing
	Hint        []byte // what that takes; the mesh does not look inside
}
