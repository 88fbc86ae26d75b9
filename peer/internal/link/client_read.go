package link

import (
	"errors"
	"os"

	"github.com/millpond/millpond/internal/piece"
)

// step takes the next frame, or goes on with the one that somebody has left (own.go).
func (c *client) step() error {
	if c.frame.q != nil {
		return c.rest()
	}
	h, meta, err := c.src.next()
	if err != nil {
		return err
	}
	switch h.kind {
	case kindData:
		return c.data(h, meta)
	case kindEnd:
		return c.blockEnd(h, meta)
	case kindAnswer:
		return c.answer(h, meta)
	case kindError:
		return c.failed(h, meta)
	}
	return badFrame("kind %d comes from a server", h.kind)
}

func (c *client) answer(h head, meta []byte) error {
	sum, err := parseAnswer(meta)
	if err != nil {
		return err
	}
	body, err := c.src.body(h.body, sum, 0)
	if err != nil {
		return err
	}
	q, err := c.find(h.id, kindCall)
	if err != nil {
		return err
	}
	c.end(q, outcome{answer: body})
	return nil
}

func (c *client) failed(h head, meta []byte) error {
	told, err := parseError(meta)
	if err != nil {
		return err
	}
	q, err := c.find(h.id, kindCall, kindRead)
	if err != nil {
		return err
	}
	c.end(q, outcome{err: told})
	return nil
}

func (c *client) blockEnd(h head, meta []byte) error {
	total, holders, err := parseEnd(meta)
	if err != nil {
		return err
	}
	q, err := c.find(h.id, kindRead)
	if err != nil {
		return err
	}
	if total != q.read.Length || q.got != total {
		return badFrame("the end at %d of %d bytes, after %d", total, q.read.Length, q.got)
	}
	c.end(q, outcome{holders: holders})
	return nil
}

// data reads the bytes of a frame into the place of their request.
func (c *client) data(h head, meta []byte) error {
	m, err := parseData(meta)
	if err != nil {
		return err
	}
	q, err := c.find(h.id, kindRead)
	if err != nil {
		return err
	}
	n := int64(h.body)
	if n == 0 || m.off != q.got || m.off+n > q.read.Length {
		return badFrame("%d bytes at %d, after %d of %d", n, m.off, q.got, q.read.Length)
	}
	if m.n != countPieces(q.read.Off+m.off, n) {
		return badFrame("%d sums for %d bytes at %d", m.n, n, q.read.Off+m.off)
	}
	c.e.stats.bytesIn.Add(n)
	c.frame = arriving{dataMeta: m, q: q, end: m.off + n, left: n}
	return c.rest()
}

// rest reads what is to come of a frame.
func (c *client) rest() error {
	for c.frame.left > 0 {
		if err := c.more(); err != nil {
			return within(err)
		}
	}
	c.frame.q.got = c.frame.end // what was thrown away is done with as well
	c.frame.q = nil
	return nil
}

// arriving is a frame of a block's bytes, as far as it has come.
type arriving struct {
	dataMeta
	q    *request // that it is for; nil: none arrives
	end  int64    // where it ends in what was asked for
	left int64    // bytes that are to come
	next int      // the piece that is verified next
	part int64    // bytes of it that the hasher has
}

// more reads some of the frame into its request's dst, and verifies the pieces that are whole with it; or throws it away if nobody waits
// for it any more.
func (c *client) more() error {
	f := &c.frame
	c.src.expect(int(f.left))
	n := int(min(f.left, runBytes))
	if over := int((f.q.read.Off + f.end - f.left + int64(n)) % pieceLen); over < n && int64(n) < f.left {
		n -= over // whole pieces are summed at a go
	}
	if !c.enter(f.q) {
		got, err := c.src.discard(n)
		f.left -= int64(got)
		return err
	}
	to := f.q.space(n)
	got, err := c.src.Read(to)
	f.left -= int64(got)
	f.q.advance(got)
	c.verify(to[:got])
	return c.leave(f.q, err)
}

// verify takes b, which is what has come of the frame just now, and tells of the pieces that are whole with it.
func (c *client) verify(b []byte) {
	f, q := &c.frame, c.frame.q
	for len(b) > 0 {
		whole := pieceAt(q.read.Off+q.got, f.part+int64(len(b))+f.left)
		n := min(int64(len(b)), whole-f.part)
		sum, ok := c.sum(b[:n], whole)
		b = b[n:]
		switch {
		case !ok: // the rest of the piece is to come
		case sum != f.sum(f.next):
			c.corrupt(q, q.got)
			return
		default:
			f.next++
			q.came(whole, sum)
		}
	}
}

// sum is the sum of a piece of the frame that ends with b, if it does.
func (c *client) sum(b []byte, whole int64) (sum uint64, ok bool) {
	f := &c.frame
	if int64(len(b)) == whole {
		return piece.Sum(b), true
	}
	if f.part == 0 {
		c.hasher.Reset()
	}
	c.hasher.Write(b)
	if f.part += int64(len(b)); f.part < whole {
		return 0, false
	}
	f.part = 0
	return c.hasher.Sum64(), true
}

// came tells of a piece of n bytes that is verified.
func (q *request) came(n int64, sum uint64) {
	q.got += n
	if q.read.Sums != nil {
		q.noteSum(n, sum)
	}
	if q.arrived != nil {
		q.arrived(q.got)
	}
}

// noteSum keeps the sum of the last n bytes, unless they are a part of what was asked for of their piece: who sends bytes as they
// arrive ends frames anywhere.
func (q *request) noteSum(n int64, sum uint64) {
	i := countPieces(q.read.Off, q.got) - 1
	whole := min(int64(i+1)*pieceLen-q.read.Off%pieceLen, q.read.Length) - max(0, int64(i)*pieceLen-q.read.Off%pieceLen)
	if n == whole {
		q.read.Sums[i] = sum
	}
}

// corrupt ends a request whose bytes came changed.
func (c *client) corrupt(q *request, off int64) {
	c.e.stats.corrupt.Add(1)
	c.e.cfg.Events.corrupt(CorruptInfo{ID: c.peer.ID, Addr: c.peer.Addr, Key: q.read.Key, Off: q.read.Off + off})
	c.mu.Lock()
	q.finish(outcome{err: ErrChecksum})
	c.callOffLocked(q) // the rest of the frame is not his to wait for
	c.mu.Unlock()
	c.e.spawn(func() { c.cancel(q.id) })
}

// enter is true while q's dst may be written to; leave follows.
func (c *client) enter(q *request) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !q.over {
		c.mu.inside, q.began = q, true
	}
	return !q.over
}

// leave returns the error of a read, unless that was interrupted by who took q back, and waits.
func (c *client) leave(q *request, err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.inside = nil
	if c.mu.err != nil {
		q.finish(outcome{err: c.lost(q, c.mu.err)})
	}
	if q.outside == nil {
		return err
	}
	c.conn.SetReadDeadline(noDeadline)
	close(q.outside)
	q.outside = nil
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return err
}
