package link

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"
)

// dialHere is dialAddr by Config.DialHere. It returns nil and no error if that leads nowhere, or to somebody else: then the usual way shows
// what is wrong, if anything is. Gossip takes that alone, since it is to see what the network does.
func (e *Endpoint) dialHere(ctx context.Context, addr, want string, proto protocol, stream string) (*admitted, error) {
	if e.cfg.DialHere == nil || proto == protoGossip || e.mute.is(addr) {
		return nil, nil
	}
	whole := e.cfg.HandshakeTime / 2
	within := whole
	if until, ok := ctx.Deadline(); ok {
		within = min(within, time.Until(until)/2)
	}
	hereCtx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	raw, err := e.cfg.DialHere(hereCtx, addr)
	if err != nil {
		return nil, nil // nobody is there
	}
	a, err := e.shake(hereCtx, raw, addr, want, proto, stream)
	switch {
	case err == nil:
		return a, nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("handshake with %s: %w", addr, context.Cause(ctx))
	case hereCtx.Err() != nil:
		if within == whole {
			e.mute.add(addr)
		}
		return nil, nil
	case !errors.Is(err, ErrIdentity) && errors.As(e.tlsError(err), new(*RefusedError)):
		return nil, e.refusal(withID(err, want), addr)
	}
	return nil, nil
}

// muteTime is how long an address is not tried by Config.DialHere where somebody listens who did not answer: another try would take
// as long, while one that fails at once costs nothing.
const muteTime = 10 * time.Second

// mutes are such addresses.
type mutes struct {
	mu    sync.Mutex
	since map[string]time.Time
}

func (m *mutes) is(addr string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	since, ok := m.since[addr]
	return ok && time.Since(since) < muteTime
}

func (m *mutes) add(addr string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.since == nil {
		m.since = map[string]time.Time{}
	}
	maps.DeleteFunc(m.since, func(_ string, since time.Time) bool { return time.Since(since) >= muteTime })
	m.since[addr] = time.Now()
}
