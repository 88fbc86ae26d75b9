package disk

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/millpond/millpond/internal/piece"
)

// move is one block that is being copied.
type move struct {
	id   ID
	from found
	to   *segment
	off  int64
}

// evacuate copies the live blocks of segments elsewhere: first the bytes, durably, then the index records, durably,
// then the segments go. So at any instant the newest record of a block that survives a crash has its bytes.
func (d *Dir) evacuate(victims []*segment) error {
	moves := d.blocksOf(victims)
	err := d.copyAll(moves)
	if err == nil {
		err = flushTargets(moves)
	}
	if err != nil {
		for _, m := range moves {
			if m.to != nil {
				d.abandon(m.to, m.off, int64(m.from.len))
			}
		}
		return d.fail("write", err)
	}
	for i := range moves {
		if moves[i].to != nil {
			d.finish(&moves[i])
		}
	}
	_, err = d.giveBack() // syncs the log before anything goes
	return err
}

// blocksOf lists the live blocks of segments in the order in which they lie.
func (d *Dir) blocksOf(segs []*segment) []move {
	var moves []move
	for i := range d.index.shard {
		s := &d.index.shard[i]
		s.mu.RLock()
		for local := range s.used {
			e := s.at(local)
			if e.live() && slices.ContainsFunc(segs, func(v *segment) bool { return v.id == e.seg() }) {
				id := e.id()
				m := move{id: id}
				m.from.read(e, local, keyOf(&id))
				moves = append(moves, m)
			}
		}
		s.mu.RUnlock()
	}
	slices.SortFunc(moves, func(a, b move) int {
		return cmp.Or(cmp.Compare(a.from.seg, b.from.seg), cmp.Compare(a.from.off, b.from.off))
	})
	return moves
}

// copyAll copies the bytes. A block that is damaged or has gone meanwhile keeps no target; any other error ends it.
func (d *Dir) copyAll(moves []move) error {
	buf := make([]byte, 16*pieceSize)
	for i := range moves {
		m := &moves[i]
		if !m.from.same() {
			continue
		}
		n := int64(m.from.len)
		to, off, err := d.reserveCopy(n)
		if err != nil {
			return err
		}
		m.to, m.off = to, off
		err = d.copyBlock(m, buf)
		if damaged(err) {
			err = d.copyBlock(m, buf)
		}
		switch {
		case err == nil:
			to.done.Add(1)
			d.count.copied.Add(uint64(n))
		case damaged(err):
			d.abandon(to, off, n)
			m.to = nil
			if m.from.same() {
				_ = d.corrupt(&m.id, &m.from)
			}
		default:
			return err
		}
	}
	return nil
}

// reserveCopy takes space for a copy: out of what is kept back, so no quota is asked.
func (d *Dir) reserveCopy(n int64) (*segment, int64, error) {
	for {
		d.space.Lock()
		seg, off, ok := d.takeLocked(space(n), !aligned(n))
		d.space.Unlock()
		if ok {
			return seg, off, nil
		}
		if err := d.rollSegment(!aligned(n)); err != nil {
			return nil, 0, err
		}
	}
}

// abandon ends a copy that came to nothing. It was never charged.
func (d *Dir) abandon(seg *segment, off, n int64) {
	d.published(seg)
	d.bury(seg, off, n, 0)
}

// copyBlock copies one block, verifying it on the way.
func (d *Dir) copyBlock(m *move, buf []byte) error {
	from := d.segment(m.from.seg)
	if from == nil {
		return errMismatch
	}
	n := int64(m.from.len)
	var table []byte
	for done := int64(0); done < n; {
		b := buf[:min(int64(len(buf)), n-done)]
		if _, err := from.f.ReadAt(b, int64(m.from.off)+done); err != nil {
			return err
		}
		table = appendSums(table, [][]byte{b})
		if _, err := m.to.f.WriteAt(b, m.off+done); err != nil {
			return err
		}
		done += int64(len(b))
	}
	if n <= pieceSize {
		if binary.LittleEndian.Uint64(table) != m.from.sum {
			return errMismatch
		}
		return nil
	}
	if piece.Sum(table) != m.from.sum {
		return errMismatch
	}
	_, err := m.to.f.WriteAt(table, m.off+n)
	return err
}

func flushTargets(moves []move) error {
	var last *segment
	for _, m := range moves {
		if m.to != nil && m.to != last {
			if err := m.to.flush(); err != nil {
				return err
			}
			last = m.to
		}
	}
	return nil
}

// finish points the index to the copy, unless the block has gone meanwhile.
func (d *Dir) finish(m *move) {
	h := hashID(&m.id)
	s := d.index.of(h)
	n := int64(m.from.len)
	s.mu.Lock()
	if !m.from.same() {
		s.mu.Unlock()
		d.abandon(m.to, m.off, n)
		return
	}
	r := m.from.e.record()
	r.place = place{seg: m.to.id, off: uint32(m.off), len: m.from.len}
	d.log.append(r)
	m.from.e.move(r.place)
	s.mu.Unlock()
	d.published(m.to)
	if from := d.segment(m.from.seg); from != nil {
		d.bury(from, int64(m.from.off), n, 0)
	}
}
