package cachefs

import (
	"context"
	"errors"
	"time"

	"github.com/millpond/millpond/peer"
	"github.com/millpond/millpond/tier"
)

// The mesh as changes see it: it is their nodes.

func (m *mesh) members() []member {
	known := m.p.Members()
	list := make([]member, len(known))
	for i, p := range known {
		list[i] = member{id: p.ID, alive: p.State == peer.Alive, since: p.Since}
	}
	return list
}

func (m *mesh) changed() <-chan struct{} { return m.p.Changed() }

func (m *mesh) call(ctx context.Context, to, method string, req []byte) ([]byte, error) {
	return m.p.Call(ctx, to, method, req)
}

func (m *mesh) successors(key [20]byte, n int) []string { return m.p.Owners(nil, key, n) }

// pull goes on where a transfer broke off, as long as something arrives.
func (m *mesh) pull(ctx context.Context, from string, id tier.BlockID, length int64, w *tier.Writer) error {
	for at := int64(0); ; {
		r := peer.BlockRequest{Key: peer.Key(id), Off: at, Length: length - at}
		space, err := w.Space(r.Length)
		if err != nil {
			return err
		}
		began := at
		_, err = m.p.ReadBlock(ctx, from, r, space, func(n int64) {
			w.Wrote(began + n - at)
			m.n.counters.peerBytes.Add(uint64(began + n - at))
			at = began + n
		})
		switch {
		case err == nil && at == length:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, peer.ErrMissing) || at == began:
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(askAgain):
		}
	}
}
