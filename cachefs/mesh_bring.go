package cachefs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/millpond/millpond/peer"
	"github.com/millpond/millpond/tier"
)

var (
	errStalled  = errors.New("peer lives, and does not send the block")
	errSilent   = errors.New("peer does not answer")
	errUrged    = errors.New("the peer that was asked wants the block from here")
	errStranger = errors.New("the block is not of the file that the asker describes")
	errNoAccess = errors.New("no access to the under store")
)

// destination is where the bytes of a block go, in order: a tier's Writer, or a reader's own memory.
type destination interface {
	Space(n int64) ([][]byte, error) // for the next n bytes
	Wrote(n int64)
}

// summed is a destination that keeps the sums that whole pieces came with: see tier.Writer.Sums.
type summed interface {
	Sums(off int64, list []uint64)
}

// slice is a destination in somebody's memory.
type slice struct {
	p []byte
	n int64
}

func (s *slice) Space(n int64) ([][]byte, error) { return [][]byte{s.p[s.n : s.n+n]}, nil }
func (s *slice) Wrote(n int64)                   { s.n += n }

// part is what is wanted of a block.
type part struct {
	h       *handle
	id      tier.BlockID
	length  int64 // of the block
	at, end int64 // what is left of it, in the block
	to      destination
	as      role
	from    string // the peer that asks us for it; "" if none does
	fill    *fill  // that it belongs to; nil if none
}

// homes are the nodes that took the block when it was written.
func (p *part) homes() []string {
	in, known := p.h.current()
	if !known {
		in = p.h.in
	}
	return in.Homes
}

func (p *part) left() int64 { return p.end - p.at }

// wrote notes n more bytes in the destination.
func (p *part) wrote(n int64) {
	p.to.Wrote(n)
	p.at += n
}

// bring brings p: from the peers that should have it, then from the store, and if that does not have it, or not for us,
// from whoever can.
func (m *mesh) bring(ctx context.Context, p *part, store func(ctx context.Context) error) error {
	if err := m.askAll(ctx, p, m.route(peer.Key(p.id), p.as, p.from, p.homes())); err != nil || p.left() == 0 {
		return err
	}
	p.fill.toStore(true)
	why := store(ctx)
	p.fill.toStore(false)
	denied := errors.Is(why, errNoAccess) || errors.Is(why, ErrPermission)
	if p.as == asAlone || !denied && !errors.Is(why, ErrLost) && !errors.Is(why, ErrChanged) {
		return why
	}
	if err := m.askAll(ctx, p, m.others(p.from, denied && p.as != asGuest)); err != nil || p.left() > 0 {
		return errors.Join(m.awaited(why, p.homes()), err)
	}
	return nil
}

// awaited has why name the other homes, if it is that no node has the block: one of them may be gone for a while only, as after a restart
// of all.
func (m *mesh) awaited(why error, homes []string) error {
	homes = slices.DeleteFunc(slices.Clone(homes), func(id string) bool { return id == m.n.id })
	if !errors.Is(why, ErrLost) || len(homes) == 0 {
		return why
	}
	return fmt.Errorf("%w: no node that answers has them; they are there again when one that took them is back with its disk: %s", why, strings.Join(homes, ", "))
}

// askAll asks one after the other until all is there, and others beside who is late. Its error is that of the destination, or of
// ctx.
func (m *mesh) askAll(ctx context.Context, p *part, asks []ask) error {
	for len(asks) > 0 {
		a, rest := asks[0], asks[1:]
		var err error
		asks, err = m.ask(ctx, p, a, rest)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case p.left() == 0, errors.Is(err, errUrged):
			return nil
		}
		if d, ok := errors.AsType[*destinationError](err); ok {
			return d.error
		}
		if err != nil {
			m.asked(p.id, a, err)
		}
	}
	return nil
}

// destinationError is an error of the place that the bytes go to: no other peer helps.
type destinationError struct{ error }

// asked notes how a peer failed to help.
func (m *mesh) asked(id tier.BlockID, a ask, err error) {
	m.n.log.Debug("a peer did not send a block", "peer", a.peer, "block", id.String(), "err", err)
	m.copies.forget(peer.Key(id), a.peer)
	switch {
	case errors.Is(err, peer.ErrChecksum):
		m.of(a.peer).stalled(time.Now())
		m.n.spawn(func(ctx context.Context) { m.complain(ctx, a.peer, id) })
	case errors.Is(err, peer.ErrUnreachable), errors.Is(err, errSilent):
		m.of(a.peer).failed(time.Now())
	case errors.Is(err, errStalled):
		m.of(a.peer).stalled(time.Now())
	default: // it works, and does not have it
		return
	}
	m.n.counters.peerFailures.Add(1)
}

// ask asks one peer for what is left of p. What has arrived when it fails stays. rest are those that are asked next; it returns
// whom to ask then.
func (m *mesh) ask(ctx context.Context, p *part, a ask, rest []ask) ([]ask, error) {
	r := peer.BlockRequest{Key: peer.Key(p.id), Off: p.at, Length: p.left()}
	if a.fill {
		r.Hint, r.Fill = p.h.hint(a, p.fill != nil) // no store has it: then who holds it
	}
	if !r.Fill && p.fill != nil {
		r.Hint = keepsHint
	}
	space, err := p.to.Space(p.left())
	if err != nil {
		return nil, &destinationError{err}
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	if !p.fill.asks(m.n.id, a, stop) {
		return nil, errUrged
	}
	defer p.fill.answered()
	to, keepsSums := p.to.(summed)
	if keepsSums && p.left() > 0 {
		r.Sums = make([]uint64, (p.end-1)/pieceSize-p.at/pieceSize+1)
	}
	w := m.watch(ctx, stop, a, &r, rest, p.from)
	got := int64(0)
	holders, err := m.p.ReadBlock(ctx, a.peer, r, space, func(n int64) {
		p.wrote(n - got)
		m.n.counters.peerBytes.Add(uint64(n - got))
		got = n
		w.arrived()
		p.fill.progressed()
	})
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	m.told(r.Key, holders)
	w.end()
	defer w.hedge.end()
	if r.Sums != nil {
		to.Sums(wholePieces(&r, got, p.length))
	}
	if n := w.hedge.take(space, got); n > 0 {
		p.wrote(n)
		p.fill.progressed()
	}
	return w.hedge.next(a, rest), err
}

// wholePieces are the sums of the first got bytes that r asked for, as far as they are of whole pieces of a block of length bytes,
// and where the first of those begins.
func wholePieces(r *peer.BlockRequest, got, length int64) (off int64, sums []uint64) {
	first, end := (r.Off+pieceSize-1)/pieceSize, (r.Off+got)/pieceSize
	if r.Off+got == length {
		end = (length + pieceSize - 1) / pieceSize
	}
	skip := first - r.Off/pieceSize
	return first * pieceSize, r.Sums[skip : skip+max(0, end-first)]
}
