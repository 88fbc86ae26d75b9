package link

import (
	"errors"
	"os"
)

// step takes the next frame.
func (c *client) step() error {
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
	for i := range m.n {
		c.src.expect(int(m.off + n - q.got))
		p := pieceAt(q.read.Off+q.got, m.off+n-q.got)
		if err := c.piece(q, int(p), m.sum(i)); err != nil {
			return err
		}
	}
	return nil
}

// piece reads n bytes, verifies them, and tells of them.
func (c *client) piece(q *request, n int, sum uint64) error {
	d := &c.hasher
	d.Reset()
	for left := n; left > 0; {
		got, err := c.into(q, left)
		if err != nil {
			return within(err)
		}
		left -= got
	}
	q.got += int64(n)
	if !c.enter(q) {
		return nil
	}
	defer c.leave(q, nil)
	if d.Sum64() != sum {
		c.corrupt(q, q.got-int64(n))
		return nil
	}
	if q.read.Sums != nil {
		q.noteSum(int64(n), sum)
	}
	if q.arrived != nil {
		q.arrived(q.got)
	}
	return nil
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
	c.mu.Unlock()
	c.e.spawn(func() { c.cancel(q.id) })
}

// into reads at most n bytes into q's dst, or throws them away if nobody waits for them any more.
func (c *client) into(q *request, n int) (int, error) {
	if !c.enter(q) {
		return c.src.discard(n)
	}
	to := q.space(n)
	got, err := c.src.Read(to)
	c.hasher.Write(to[:got])
	q.advance(got)
	return got, c.leave(q, err)
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
