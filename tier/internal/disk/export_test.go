package disk

// DecodeRecord decodes one index record of generation gen and encodes it again.
func DecodeRecord(b []byte, gen uint64) (again []byte, ok bool) {
	var r record
	if !decodeRecord(b, gen, &r) {
		return nil, false
	}
	return appendRecord(nil, &r, gen), true
}

// DecodeHeader decodes the header of an index file of generation gen, of a log or else a snapshot, and encodes it again.
func DecodeHeader(b []byte, log bool, gen uint64) (again []byte, version uint32, ok bool) {
	magic := snapshotMagic
	if log {
		magic = logMagic
	}
	version, ok = decodeHeader(b, magic, gen)
	return appendHeader(nil, magic, gen), version, ok
}

// Names decodes a file name of each kind and makes it again.
func Names(name string) []string {
	var names []string
	if id, packed, ok := parseSegmentName(name); ok {
		names = append(names, segmentName(id, packed))
	}
	if magic, gen, ok := parseIndexName(name); ok {
		names = append(names, indexName(magic, gen))
	}
	return names
}

// RecordSize is the length of an index record in bytes.
const RecordSize = recordSize

// CompactIndex replaces the index files by a snapshot.
func (d *Dir) CompactIndex() error { return d.compactIndex() }
