// Package piece says what a block is checked by, on disks, between nodes and in memory: one sum for each 64 KiB of it, counted from
// the block's start. A piece is small enough to be summed while it is in the cache of the core that has just moved it.
package piece

import "github.com/zeebo/xxh3"

// Size is how many bytes of a block one sum is of; the last piece may be shorter.
const Size = 64 << 10

// Sum is the XXH3 of p, 64 bits without a seed. It guards against accidents, not against people who choose bytes.
func Sum(p []byte) uint64 { return xxh3.Hash(p) }

// Hasher is Sum of bytes that come in parts, after Reset.
type Hasher = xxh3.Hasher
