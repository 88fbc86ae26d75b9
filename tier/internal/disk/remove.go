package disk

// Delete drops a block, whatever its flags; false if it is not here. A crash may bring it back.
func (d *Dir) Delete(id ID) bool {
	why := Deleted
	return d.drop(&id, nil, &why)
}

// DeleteIf drops a block if its flags are these; false if they are others, or it is not here.
func (d *Dir) DeleteIf(id ID, flags Flags) bool {
	why := Deleted
	return d.drop(&id, func(e *entry) bool { return e.flags() == flags }, &why)
}

// DeleteFile drops all blocks of a file and returns how many those were.
func (d *Dir) DeleteFile(file [16]byte) int {
	n := 0
	var ids []ID
	for i := range d.index.shard {
		ids = d.index.shard[i].file(&file, ids[:0])
		for _, id := range ids {
			if d.Delete(id) {
				n++
			}
		}
	}
	return n
}

// drop takes a block out of the index if it is here and match, called under the shard's lock, says so. why nil: its
// owner never knew of it.
func (d *Dir) drop(id *ID, match func(*entry) bool, why *Reason) bool {
	h := hashID(id)
	s := d.index.of(h)
	s.mu.Lock()
	cell, local, ok := s.find(h, keyOf(id))
	if !ok || match != nil && !match(s.at(local)) {
		s.mu.Unlock()
		return false
	}
	was := s.at(local).place()
	s.remove(cell, local)
	// Before bury: what is buried may be given back as soon as the log has been synced.
	d.log.append(&record{kind: kindDelete, id: *id, place: was})
	seg := d.segment(was.seg)
	s.mu.Unlock()
	d.count.bytes.Add(-int64(was.len))
	d.count.deletes.Add(1)
	if seg != nil {
		d.bury(seg, int64(was.off), int64(was.len), d.charge(int64(was.len)))
	}
	if why != nil && d.opts.OnDrop != nil {
		d.opts.OnDrop(*id, slotOf(h, local), *why)
	}
	s.mu.Lock()
	s.release(local)
	s.mu.Unlock()
	return true
}
