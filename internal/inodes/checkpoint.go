package inodes

import "slices"

// Frozen is a table at one moment, on its way into a checkpoint.
type Frozen struct {
	t      *Table
	header []byte
	slots  uint32
	next   uint32            // chunk to be encoded
	ahead  map[uint32][]byte // chunks that were encoded since they were about to change
}

// Freeze marks this moment, as a change does: alone. Thaw has to follow.
func (t *Table) Freeze() *Frozen {
	e := &encoder{}
	e.uint(uint64(len(t.classes.list)))
	e.uint(uint64(t.classes.free))
	for i := range t.classes.list[1:] {
		switch c := &t.classes.list[i+1]; c.refs {
		case 0:
			e.b = append(e.b, 0)
			e.uint(uint64(c.next))
		default:
			e.b = append(e.b, 1)
			e.class(c.class)
		}
	}
	e.uint(uint64(t.slots))
	e.uint(uint64(t.freed))
	e.uint(uint64(t.live))
	if t.loose != 0 {
		e.uint(uint64(t.loose))
	}
	f := &Frozen{t: t, header: e.b, slots: t.slots, ahead: map[uint32][]byte{}}
	t.frozen = append(t.frozen, f)
	return f
}

// Thaw ends what Freeze began, as a change does: alone. Again it does nothing.
func (f *Frozen) Thaw() {
	if i := slices.Index(f.t.frozen, f); i >= 0 {
		f.t.frozen = slices.Delete(f.t.frozen, i, i+1)
	}
	f.ahead = nil
}

// Header is what comes before the chunks.
func (f *Frozen) Header() []byte { return f.header }

// Chunks is how many there are.
func (f *Frozen) Chunks() int { return int((f.slots + chunk - 1) / chunk) }

// Next encodes the next chunk into buf, from its begin; false after the last. A query: one goroutine at a time for one
// Frozen.
func (f *Frozen) Next(buf []byte) ([]byte, bool) {
	if int(f.next) == f.Chunks() {
		return nil, false
	}
	n := f.next
	f.next++
	if b, ok := f.ahead[n]; ok {
		return append(buf[:0], b...), true
	}
	return f.encode(buf[:0], n), true
}

func (f *Frozen) encode(buf []byte, n uint32) []byte {
	e := encoder{b: buf}
	for slot := max(n*chunk, 1); slot < min((n+1)*chunk, f.slots); slot++ {
		f.t.encodeSlot(&e, slot)
	}
	return e.b
}

// touch is called before what is at slot changes.
func (t *Table) touch(slot uint32) {
	t.work++
	t.pages.changed(t.rec(slot).parent)
	for _, f := range t.frozen {
		n := slot / chunk
		if slot >= f.slots || n < f.next {
			continue
		}
		if _, done := f.ahead[n]; !done {
			f.ahead[n] = f.encode(nil, n)
		}
	}
}
