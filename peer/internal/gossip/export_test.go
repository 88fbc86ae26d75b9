package gossip

import (
	"net/netip"
	"time"
)

// Sealer is how packets are put into envelopes and taken out.
type Sealer struct{ s *sealer }

func NewSealer(self netip.AddrPort, cluster string, wall func() time.Time, up func() time.Duration, secrets ...string) Sealer {
	return Sealer{newSealer(self, clocks{wall, up}, deriveAll(secrets, cluster))}
}

func (s Sealer) Seal(payload []byte, to netip.AddrPort) []byte { return s.s.seal(payload, to) }
func (s Sealer) Open(b []byte) ([]byte, error)                 { return s.s.open(b) }
func (s Sealer) Runs() int                                     { return len(s.s.seen) }
func (s Sealer) SetRun(boot, counter uint64)                   { s.s.boot = boot; s.s.counter.Store(counter) }

var (
	ErrShort   = errShort
	ErrForged  = errForged
	ErrTime    = errTime
	ErrReplay  = errReplay
	ErrCrowded = errCrowded
)

const (
	SealLen   = sealLen
	WindowLen = windowLen
	MaxBoots  = maxBoots
	Forget    = forget
)

// DecodeTags and EncodeTags are what travels of Tags.
func DecodeTags(m map[string]string) Tags { return decodeTags(m) }

func EncodeTags(t Tags) map[string]string { return t.encode() }

var NewLogger = newLogger
