package cachefs

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millpond/millpond/peer"
	"github.com/millpond/millpond/tier"
)

const (
	pieceSize = tier.PieceSize // what one checksum covers, counted from a block's start
	sendSize  = 256 << 10      // what is sent at a time of what cannot be lent: it is summed in L2
	lendSize  = 1 << 20        // what is lent at a time, in one turn of the peer's requests: a frame
)

// served counts what peers were sent, bytes.
type served struct{ memory, disk, filling atomic.Uint64 }

func (s *served) load() Served {
	return Served{Memory: s.memory.Load(), Disk: s.disk.Load(), Filling: s.filling.Load()}
}

// serveBlock sends a peer a part of a block: from memory or disk, or as it arrives, if it is being brought here or the peer
// wants it to be.
func (m *mesh) serveBlock(ctx context.Context, from string, r *peer.BlockRequest, w blockWriter) error {
	if m.n.ctx.Err() != nil { // a node that leaves serves until it has handed on what only it has
		return ErrClosed
	}
	w.Holders(m.hot.asked(r.Key, from, time.Now()))
	id := tier.BlockID(r.Key)
	for off, end := r.Off, r.Off+r.Length; off < end; {
		n, err := m.sendHeld(ctx, id, off, end-off, w)
		if errors.Is(err, tier.ErrMiss) {
			n, err = m.n.outside.send(id, off, end-off, w)
		}
		if errors.Is(err, peer.ErrMissing) {
			n, err = m.sendFilling(ctx, from, r, off, w)
		}
		if err != nil {
			return err
		}
		off += n
	}
	m.kept(from, r)
	return nil
}

// kept notes that a peer which was sent a block keeps it, if it does.
func (m *mesh) kept(from string, r *peer.BlockRequest) {
	if keeps(r.Hint) {
		m.hot.kept(r.Key, from)
	}
}

// serveReady is serveBlock for what lies in memory in one piece, or in a file and the page cache; it waits for no disk.
func (m *mesh) serveReady(from string, r *peer.BlockRequest, w blockWriter) bool {
	if m.n.ctx.Err() != nil {
		return false
	}
	if b := m.n.tiers.Get(tier.BlockID(r.Key)); b != nil {
		return m.lendReady(b, from, r, w)
	}
	return m.sendReady(from, r, w)
}

// lendReady is serveReady for what lies in memory. From 64 KiB on only whole pieces are lent, whose sums are kept: the rest goes in parts.
func (m *mesh) lendReady(b *tier.Block, from string, r *peer.BlockRequest, w blockWriter) bool {
	if r.Off+r.Length > b.Len() || r.Length >= pieceSize && !isWhole(b.Len(), r.Off, r.Length) {
		return false
	}
	v, sums, ok := view(b, r.Off, r.Length)
	if !ok {
		return false
	}
	if int64(len(v.Bytes())) < r.Length {
		v.Release()
		return false
	}
	w.Holders(m.hot.asked(r.Key, from, time.Now()))
	if lendView(w, v, sums) != nil {
		return true // its connection has ended
	}
	m.n.counters.served.memory.Add(uint64(r.Length))
	m.kept(from, r)
	return true
}

// sendReady is serveReady for whole pieces that lie in a file. What is shorter than one may be asked for while other answers of its connection
// are written, and the reader does not wait for those.
func (m *mesh) sendReady(from string, r *peer.BlockRequest, w blockWriter) bool {
	if r.Length < pieceSize {
		return false
	}
	id := tier.BlockID(r.Key)
	if _, size, there := m.n.tiers.Has(id); !there || r.Off+r.Length > size || !isWhole(size, r.Off, r.Length) {
		return false
	}
	f, ok := m.n.tiers.FileAtHand(id, r.Off, r.Length)
	if !ok {
		return false
	}
	defer f.Release()
	if f.Len < r.Length {
		return false
	}
	w.Holders(m.hot.asked(r.Key, from, time.Now()))
	if m.sendRange(&f, r.Off, r.Length, w) == nil {
		m.kept(from, r)
	}
	return true // an error is w's own, and ends the request
}

// sendHeld sends at most n bytes of what a tier has: ErrMiss if none does. What is lent, of memory or of a file, is lent when it is the
// request's turn: however many wait for a peer that reads slowly, the tiers have room for others.
func (m *mesh) sendHeld(ctx context.Context, id tier.BlockID, off, n int64, w blockWriter) (int64, error) {
	if b := m.n.tiers.Get(id); b != nil {
		if off+n > b.Len() {
			return 0, fmt.Errorf("%w: bytes %d to %d of a block of %d", ErrInvalid, off, off+n, b.Len())
		}
		if sent, err := inTurn(w, func() (int64, error) { return m.lend(b, off, min(n, lendSize), w) }); sent > 0 || err != nil {
			return sent, err
		}
	}
	if _, _, there := m.n.tiers.Has(id); !there {
		return 0, tier.ErrMiss // what is to be brought waits for no turn
	}
	if off%pieceSize == 0 {
		if sent, err := inTurn(w, func() (int64, error) { return m.sendFile(id, off, min(n, lendSize), w) }); sent > 0 || err != nil {
			return sent, err
		}
	}
	return inTurn(w, func() (int64, error) { return m.sendRead(ctx, id, off, n, w) })
}

// inTurn is w.InTurn of a send.
func inTurn(w blockWriter, send func() (int64, error)) (sent int64, err error) {
	err = w.InTurn(func() error {
		var err error
		sent, err = send()
		return err
	})
	return sent, err
}

// lend is sendHeld for what lies in memory, whole pieces with the sums that are kept there: 0 if the block has left.
func (m *mesh) lend(b *tier.Block, off, n int64, w blockWriter) (int64, error) {
	v, sums, ok := view(b, off, n)
	if !ok {
		return 0, nil
	}
	n = int64(len(v.Bytes()))
	m.n.counters.served.memory.Add(uint64(n))
	return n, lendView(w, v, sums)
}

// isWhole reports whether n bytes from off on of a block of size bytes are whole pieces; its last one may be short.
func isWhole(size, off, n int64) bool {
	return off%pieceSize == 0 && (n%pieceSize == 0 || off+n == size)
}

// view is the beginning of n bytes of b from off on, with the sums that are kept there if it is whole pieces. A block that is
// shorter than a piece keeps none.
func view(b *tier.Block, off, n int64) (v tier.View, sums []uint64, ok bool) {
	into := off % pieceSize
	switch {
	case into > 0 && n > 2*pieceSize:
		n = pieceSize - into // and whole ones next
	case into == 0 && (n >= pieceSize || off > 0 && off+n == b.Len()):
		if v, sums, ok = b.ViewPieces(off, int(n)); ok {
			return v, sums, ok
		}
	}
	v, ok = b.View(off, int(n))
	return v, nil, ok
}

// lendView gives w what view has found.
func lendView(w blockWriter, v tier.View, sums []uint64) error {
	if sums == nil {
		return w.Lend(v.Bytes(), v.Release)
	}
	return w.LendSummed(v.Bytes(), sums, v.Release)
}

// sendFile is sendHeld for whole pieces that lie in a file, since their sums go with them: 0 if there are none. A range that
// ends within a piece has that read.
func (m *mesh) sendFile(id tier.BlockID, off, n int64, w blockWriter) (int64, error) {
	r, ok := m.n.tiers.File(id, off, (n+pieceSize-1)/pieceSize*pieceSize)
	if !ok {
		return 0, nil
	}
	defer r.Release()
	if r.Len > n { // the last piece goes on beyond
		n -= n % pieceSize
	} else {
		n = r.Len
	}
	if n == 0 {
		return 0, nil
	}
	return n, m.sendRange(&r, off, n, w)
}

// sendRange sends the first n bytes of r, whole pieces that are at off of their block.
func (m *mesh) sendRange(r *tier.FileRange, off, n int64, w blockWriter) error {
	m.n.counters.served.disk.Add(uint64(n))
	first := off / pieceSize
	return w.SendFile(r.File, r.Off, n, r.Sums[first:first+(n+pieceSize-1)/pieceSize])
}

var sendBufs = sync.Pool{New: func() any { return new([sendSize]byte) }}

// sendRead is sendHeld for what can only be read: a part of a piece, for which there is no sum. It is compared here.
func (m *mesh) sendRead(ctx context.Context, id tier.BlockID, off, n int64, w blockWriter) (int64, error) {
	buf := sendBufs.Get().(*[sendSize]byte)
	defer sendBufs.Put(buf)
	got, err := m.n.tiers.ReadChecked(ctx, id, upTo(buf, off, n), off)
	if err == nil && got == 0 {
		err = fmt.Errorf("%w: byte %d of a shorter block", ErrInvalid, off)
	}
	if err != nil {
		return 0, err
	}
	m.n.counters.served.disk.Add(uint64(got))
	_, err = w.Write(buf[:got])
	return int64(got), err
}

// sendable is how many of the next n bytes of a block from off on go through a buffer, which ends with a piece.
func sendable(off, n int64) int64 { return min(n, sendSize-off%pieceSize) }

// upTo is the room for them.
func upTo(buf *[sendSize]byte, off, n int64) []byte { return buf[:sendable(off, n)] }

// sendFilling sends bytes that are on their way here, or are brought because a peer asks for them. While a store is waited for there is no
// buffer for them; what has come is copied at once, since it may have left when it is the request's turn.
func (m *mesh) sendFilling(ctx context.Context, from string, r *peer.BlockRequest, off int64, w blockWriter) (int64, error) {
	id := tier.BlockID(r.Key)
	f := m.n.filler.running(id)
	var h *handle
	as := asOwner
	switch {
	case r.Fill:
		var d hint
		var err error
		if h, d, err = m.n.asked(id.File(), r.Hint); err != nil {
			return 0, m.refusal(err)
		}
		if d.owned && f == nil && !m.p.Owned(r.Key) {
			return 0, peer.ErrMissing // nobody has asked for it here: who asks brings it, and there is one copy
		}
		if d.alone {
			as = asAlone
		}
	case f == nil:
		return 0, peer.ErrMissing
	default:
		if len(r.Hint) > 0 { // what a fill there waits for; a second request beside a late one may be ended at any time
			f.askedBy(m.n.id, from)
		}
		h = f.src
	}
	i := int64(id.Index())
	if i >= h.blocks() || r.Off+r.Length > h.blockLen(i) {
		return 0, fmt.Errorf("%w: bytes %d to %d of block %v, which has fewer", ErrInvalid, r.Off, r.Off+r.Length, id)
	}
	n := sendable(off, r.Off+r.Length-off)
	var err error
	if r.Fill {
		f, err = m.n.filler.awaitAs(ctx, h, i, off, n, as, from)
	} else {
		err = f.await(ctx, off, n, "")
	}
	switch {
	case err == nil:
		return m.sendArrived(f, off, n, w)
	case errors.Is(err, errAsksBack):
		return 0, peer.ErrMissing
	case !errors.Is(err, errUncached):
		if r.Fill {
			err = m.refusal(err)
		}
		return 0, err
	case r.Fill:
		buf := sendBufs.Get().(*[sendSize]byte)
		defer sendBufs.Put(buf)
		if err := h.readPast(ctx, buf[:n], i*h.in.BlockSize+off, as, from); err != nil {
			return 0, m.refusal(err)
		}
		return m.sendFilled(buf[:n], w)
	}
	return 0, peer.ErrMissing
}

// sendArrived is sendFilling of what has arrived: 0 if it has to be looked for once more.
func (m *mesh) sendArrived(f *fill, off, n int64, w blockWriter) (int64, error) {
	buf := sendBufs.Get().(*[sendSize]byte)
	defer sendBufs.Put(buf)
	if ok, again, err := f.tryRead(buf[:n], off); !ok || again || err != nil {
		return 0, err
	}
	return m.sendFilled(buf[:n], w)
}

func (m *mesh) sendFilled(p []byte, w blockWriter) (int64, error) {
	m.n.counters.served.filling.Add(uint64(len(p)))
	_, err := w.Write(p)
	return int64(len(p)), err
}

// Codes of peer.RemoteError, beside 0.
const codeNoAccess = 1

// refusal is how a peer is told that a block cannot be brought.
func (m *mesh) refusal(err error) error {
	if errors.Is(err, errNoAccess) || errors.Is(err, ErrPermission) {
		return &peer.RemoteError{Code: codeNoAccess, Text: err.Error()}
	}
	return err
}

// serveCall answers the calls of reads.
func (m *mesh) serveCall(ctx context.Context, method string, req []byte) ([]byte, error) {
	var id tier.BlockID
	want := len(id)
	if method == callFilling {
		want++
	}
	if len(req) != want {
		return nil, fmt.Errorf("%w: %s of %d bytes; want %d", ErrInvalid, method, len(req), want)
	}
	copy(id[:], req)
	switch method {
	case callFilling:
		return []byte{m.state(ctx, id, req[len(id)])}, nil
	case callVerify:
		m.n.tiers.Verify(id)
		return nil, nil
	}
	return nil, fmt.Errorf("%w: no call %q", ErrUnsupported, method)
}

// state is what this node has of a block. If it waits for a peer itself, that is asked, as far as hops go.
func (m *mesh) state(ctx context.Context, id tier.BlockID, hops byte) byte {
	if _, _, ok := m.n.tiers.Has(id); ok {
		return stateHeld
	}
	f := m.n.filler.running(id)
	if f == nil {
		return stateNone
	}
	store, next := f.waitsFor()
	switch {
	case store:
		return stateAtStore
	case next == "" || hops == 0:
		return stateNone
	}
	there, err := m.stateAt(ctx, next, id, hops-1)
	if err != nil {
		return stateNone
	}
	return there
}

// stateAt asks a peer for its state.
func (m *mesh) stateAt(ctx context.Context, peer string, id tier.BlockID, hops byte) (byte, error) {
	answer, err := m.p.Call(ctx, peer, callFilling, append(id[:], hops))
	if err != nil || len(answer) != 1 {
		return stateNone, errors.Join(errSilent, err)
	}
	return answer[0], nil
}

// complain tells a peer that a block came damaged from it, so that it looks at what it has.
func (m *mesh) complain(ctx context.Context, to string, id tier.BlockID) {
	ctx, cancel := context.WithTimeout(ctx, maxPatience)
	defer cancel()
	if _, err := m.p.Call(ctx, to, callVerify, id[:]); err != nil {
		m.n.log.Debug("a peer was not told of a damaged block", "peer", to, "block", id.String(), "err", err)
	}
}
