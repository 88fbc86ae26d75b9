package disk

import (
	"encoding/binary"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"

	"github.com/millpond/millpond/internal/piece"
)

// Put writes a block: the pieces of data one after the other, 1 byte to 1 GiB in all. It returns when the operating
// system has the bytes and the index record: they survive this process, and the machine after Sync. The slot is the
// block's until it leaves. Errors: ErrExist, ErrFull (delete something), *DirError.
func (d *Dir) Put(id ID, data [][]byte, flags Flags) (slot uint32, err error) {
	return d.PutUnless(nil, id, data, flags)
}

// PutUnless is Put for a copy of a block that another may drop meanwhile: ErrDropped if dropped is set before the block can
// be found. Who sets it and then deletes the block is sure that it does not come back.
func (d *Dir) PutUnless(dropped *atomic.Bool, id ID, data [][]byte, flags Flags) (slot uint32, err error) {
	if d.closed.Load() {
		return 0, ErrClosed
	}
	n := int64(0)
	for _, b := range data {
		n += int64(len(b))
	}
	if n == 0 || n > maxLength {
		return 0, fmt.Errorf("disk: block of %d bytes: 1 to %d: %w", n, maxLength, fs.ErrInvalid)
	}
	h := hashID(&id)
	if _, _, _, ok := d.Lookup(id); ok {
		return 0, ErrExist
	}
	seg, off, err := d.reserve(n)
	if err != nil {
		return 0, err
	}
	sum, err := writeBlock(seg, off, n, data)
	if err != nil {
		d.giveUp(seg, off, n)
		return 0, d.fail("write", err)
	}
	seg.done.Add(1)
	r := record{kind: kindPut, flags: flags, id: id, sum: sum, place: place{seg.id, uint32(off), uint32(n)}}
	slot, seq, err := d.enter(h, &r, dropped)
	if err != nil {
		d.giveUp(seg, off, n)
		return 0, err
	}
	d.published(seg)
	d.count.puts.Add(1)
	d.count.bytes.Add(n)
	if err = d.writeLog(seq); err == nil {
		err = d.throttle(n)
	}
	if err != nil {
		d.drop(&id, func(e *entry) bool { return e.place() == r.place }, nil)
		return 0, err
	}
	return slot, nil
}

// enter puts a block that is all seen into the index and the log.
func (d *Dir) enter(h uint64, r *record, dropped *atomic.Bool) (slot uint32, seq uint64, err error) {
	s := d.index.of(h)
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, _, found := s.find(h, keyOf(&r.id)); found {
		return 0, 0, ErrExist
	}
	if dropped != nil && dropped.Load() {
		return 0, 0, ErrDropped
	}
	seq = d.log.append(r)
	return slotOf(h, s.insert(h, r, allSeen, true)), seq, nil
}

// throttle makes Put wait for the disk when too much is on the way to it.
func (d *Dir) throttle(n int64) error {
	if d.dirty.Add(n) < d.opts.DirtyLimit {
		return nil
	}
	d.flushing.Lock()
	defer d.flushing.Unlock()
	if d.dirty.Load() < d.opts.DirtyLimit {
		return nil // another caller has just waited for all of us
	}
	d.dirty.Store(0)
	return d.flushAll()
}

// writeBlock writes a block and its checksum table, and returns the sum that belongs into the index.
func writeBlock(seg *segment, off, n int64, data [][]byte) (uint64, error) {
	at := off
	for _, b := range data {
		if len(b) == 0 {
			continue
		}
		if _, err := seg.f.WriteAt(b, at); err != nil {
			return 0, err
		}
		at += int64(len(b))
	}
	if n <= pieceSize {
		return sumOf(data), nil
	}
	buf := tables.Get().(*[]byte)
	defer tables.Put(buf)
	*buf = appendSums((*buf)[:0], data)
	_, err := seg.f.WriteAt(*buf, at)
	return piece.Sum(*buf), err
}

var tables = sync.Pool{New: func() any { return new([]byte) }}

func sumOf(data [][]byte) uint64 {
	if len(data) == 1 {
		return piece.Sum(data[0])
	}
	var h piece.Hasher
	h.Reset()
	for _, b := range data {
		_, _ = h.Write(b)
	}
	return h.Sum64()
}

// appendSums appends the checksum of each piece of the data.
func appendSums(table []byte, data [][]byte) []byte {
	var h piece.Hasher
	have := 0 // bytes of the piece that are in h
	h.Reset()
	for _, b := range data {
		for len(b) > 0 {
			if have == 0 && len(b) >= pieceSize {
				table = binary.LittleEndian.AppendUint64(table, piece.Sum(b[:pieceSize]))
				b = b[pieceSize:]
				continue
			}
			k := min(len(b), pieceSize-have)
			_, _ = h.Write(b[:k])
			b = b[k:]
			if have += k; have == pieceSize {
				table = binary.LittleEndian.AppendUint64(table, h.Sum64())
				h.Reset()
				have = 0
			}
		}
	}
	if have > 0 {
		table = binary.LittleEndian.AppendUint64(table, h.Sum64())
	}
	return table
}
