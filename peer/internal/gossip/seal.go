package gossip

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"
)

const (
	sealVersion = 1
	macAt       = 26
	macLen      = 16
	sealLen     = macAt + macLen

	// MaxSkew is how far two nodes' clocks may lie apart.
	MaxSkew = 5 * time.Minute
	// freshSkew is how much older than this node's run the first packet of another run may be. More would let packets that were
	// recorded before a node restarted in again; a node whose clock is further behind is heard over streams meanwhile.
	freshSkew = 2 * time.Second
)

// Why a packet was refused.
var (
	errShort   = errors.New("packet is too short or of an unknown version")
	errForged  = errors.New("packet is not from this cluster or for this node, or made with another secret")
	errTime    = errors.New("packet's clock is too far off")
	errReplay  = errors.New("packet was seen before")
	errCrowded = errors.New("packets come from too many nodes")
)

// keys are derived from one secret.
type keys struct {
	mac     []byte
	encrypt []byte // memberlist's
}

// deriveKeys makes the keys of a secret in a cluster. They differ for each purpose and cluster.
func deriveKeys(secret, cluster string) keys {
	derive := func(use string) []byte {
		k, err := hkdf.Key(sha256.New, []byte(secret), []byte(cluster), "millpond gossip "+use+" 1", 32)
		if err != nil {
			panic(err) // only for a length beyond 255 hashes
		}
		return k
	}
	return keys{mac: derive("mac"), encrypt: derive("encrypt")}
}

// sealer puts packets into their envelopes and takes them out. seal may be called from any goroutine, open from one.
type sealer struct {
	keys    atomic.Pointer[[]keys] // the first seals, all open
	boot    uint64
	counter atomic.Uint64
	self    netip.AddrPort
	clocks  clocks
	seen    windows
}

// clocks are two: what the node takes the time for, which is sent and compared, and how long it has run, which goes on whoever
// sets the first one.
type clocks struct {
	wall func() time.Time
	up   func() time.Duration
}

func clocksFrom(wall func() time.Time) clocks {
	start := time.Now()
	return clocks{wall, func() time.Duration { return time.Since(start) }}
}

func newSealer(self netip.AddrPort, c clocks, ks []keys) *sealer {
	var boot [8]byte
	_, _ = rand.Read(boot[:])
	s := &sealer{boot: binary.BigEndian.Uint64(boot[:]), self: self, clocks: c, seen: windows{}}
	s.keys.Store(&ks)
	return s
}

// seal returns payload in an envelope for to.
func (s *sealer) seal(payload []byte, to netip.AddrPort) []byte {
	k := (*s.keys.Load())[0]
	b := make([]byte, 0, sealLen+len(payload))
	b = append(b, sealVersion, k.mac[0])
	b = binary.BigEndian.AppendUint64(b, s.boot)
	b = binary.BigEndian.AppendUint64(b, s.counter.Add(1))
	b = binary.BigEndian.AppendUint64(b, uint64(s.clocks.wall().UnixMilli()))
	b = append(b, sum(k, b, to, payload)...)
	return append(b, payload...)
}

func sum(k keys, head []byte, to netip.AddrPort, payload []byte) []byte {
	h := hmac.New(sha256.New, k.mac)
	h.Write(head)
	addr := to.Addr().As16()
	h.Write(binary.BigEndian.AppendUint16(addr[:], to.Port()))
	h.Write(payload)
	return h.Sum(nil)[:macLen]
}

// open returns the payload of a packet that is new, or why it is refused. The payload is a part of b.
func (s *sealer) open(b []byte) ([]byte, error) {
	if len(b) <= sealLen || b[0] != sealVersion {
		return nil, errShort
	}
	head, mac, payload := b[:macAt], b[macAt:sealLen], b[sealLen:]
	if !slices.ContainsFunc(*s.keys.Load(), func(k keys) bool {
		return k.mac[0] == head[1] && hmac.Equal(mac, sum(k, head, s.self, payload))
	}) {
		return nil, errForged
	}
	up, age := s.clocks.up(), s.clocks.wall().Sub(time.UnixMilli(int64(binary.BigEndian.Uint64(head[18:]))))
	boot, oldest := binary.BigEndian.Uint64(head[2:]), MaxSkew
	if !s.seen.know(boot) { // of one that they know they refuse themselves what was sent before
		oldest = min(MaxSkew, up+freshSkew)
	}
	if age < -MaxSkew || age > oldest {
		return nil, errTime
	}
	return payload, s.seen.take(boot, binary.BigEndian.Uint64(head[10:]), up)
}
