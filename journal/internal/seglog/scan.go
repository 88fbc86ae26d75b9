package seglog

import (
	"fmt"
	"io"

	"github.com/millpond/millpond/internal/vfs"
)

// scanned is what a segment's bytes say.
type scanned struct {
	first   uint64
	salt    uint64
	offsets []uint32 // of the records of entries first, first+1, ...
	end     int64    // where the next record goes
	torn    int64    // bytes after end that are no record
	empty   bool     // the header itself was never written whole
}

// scan reads a whole segment. last says that no segment follows, so a torn tail may end it.
func scan(name string, b []byte, last bool) (scanned, error) {
	first, salt, ver, ok := parseHeader(b)
	if !ok {
		if ver != 0 {
			return scanned{}, &VersionError{name, ver}
		}
		if last && unwritten(b) {
			return scanned{empty: true, torn: int64(len(b))}, nil
		}
		return scanned{}, &DamageError{name, 0, "bad segment header"}
	}
	s := scanned{first: first, salt: salt, end: headerLen}
	seed := saltSum(salt)
	for s.end < int64(len(b)) {
		h, reason := parseRecord(b[s.end:], seed)
		if reason == "" && h.typ != sealType && h.index != first+uint64(len(s.offsets)) {
			return scanned{}, &DamageError{name, s.end, fmt.Sprintf("entry %d where %d belongs", h.index, first+uint64(len(s.offsets)))}
		}
		if reason != "" {
			if !last || durableAfter(b, s.end, seed) {
				return scanned{}, &DamageError{name, s.end, reason}
			}
			s.torn = int64(len(b)) - s.end
			return s, nil
		}
		if h.typ != sealType {
			s.offsets = append(s.offsets, uint32(s.end))
		}
		s.end += int64(h.size())
	}
	s.end = min(s.end, int64(len(b)))
	if pad := s.end % align; pad != 0 { // the padding of the last record is missing: cut with it
		if !last {
			return scanned{}, &DamageError{name, s.end, "the file ends within padding"}
		}
		s.end += align - pad
	}
	return s, nil
}

// unwritten tells a header torn while its file was made (records come after its sync) from one damaged later.
func unwritten(b []byte) bool {
	for _, c := range b[min(len(b), headerLen):] {
		if c != 0 {
			return false
		}
	}
	return true
}

// durableAfter reports whether some record behind the bad one at off was written after off had been synced.
func durableAfter(b []byte, off int64, seed uint32) bool {
	for at := off + align; at+recordLen <= int64(len(b)); at += align {
		h, reason := parseHeaderOnly(b[at:])
		if reason || int64(h.base) <= off || int64(h.base) > at {
			continue
		}
		if _, bad := parseRecord(b[at:], seed); bad == "" {
			return true
		}
	}
	return false
}

// parseHeaderOnly is a cheap look at what may be a record, before its bytes are summed.
func parseHeaderOnly(b []byte) (h header, bad bool) {
	h.n = int(uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24)
	h.base = uint32(b[32]) | uint32(b[33])<<8 | uint32(b[34])<<16 | uint32(b[35])<<24
	return h, recordLen+h.n > len(b) || h.n > maxPayload
}

// readAll returns a whole file through ReadAt.
func readAll(f vfs.File) ([]byte, error) {
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	b := make([]byte, fi.Size())
	n, err := f.ReadAt(b, 0)
	if err == io.EOF && n == len(b) {
		err = nil
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return b[:n], err
}
