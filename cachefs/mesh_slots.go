package cachefs

import (
	"encoding/binary"
	"sync"

	"github.com/millpond/millpond/peer"
)

// manySlots is how many blocks are remembered at a time: those of 4 GiB in blocks of 4 MiB, in some 100 KiB.
const manySlots = 1 << 10

// slots remember something of some blocks in bounded memory. Each block has its place, which it may lose to another.
type slots[V any] []slot[V]

type slot[V any] struct {
	sync.Mutex
	key peer.Key
	v   V
}

func newSlots[V any]() slots[V] { return make(slots[V], manySlots) }

// of locks the place of a block, in which another one may be.
func (s slots[V]) of(key peer.Key) *slot[V] {
	h := binary.LittleEndian.Uint64(key[:]) + uint64(binary.BigEndian.Uint32(key[16:]))*0x9E3779B97F4A7C15
	p := &s[(h^h>>32)%uint64(len(s))]
	p.Lock()
	return p
}
