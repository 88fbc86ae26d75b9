package tier

// Detached returns a Writer whose bytes lie on the heap and that nothing comes of here: for a block that no tier has room for,
// until it is elsewhere. It has the bytes of from, which may be nil and is not written to any more; Commit refuses it with
// ErrNoSpace.
func (s *Store) Detached(id BlockID, from *Writer) *Writer {
	w := &Writer{s: s, heap: true, detached: true, b: &Block{id: id}}
	w.parts.Store(new([][]byte))
	switch {
	case from == nil:
	case from.heap:
		w.parts.Store(from.parts.Load())
		w.room = from.room
		w.n.Store(from.n.Load())
	default:
		p := make([]byte, from.n.Load())
		_, _ = from.ReadAt(p, 0)
		w.add(p)
		w.n.Store(int64(len(p)))
	}
	return w
}
