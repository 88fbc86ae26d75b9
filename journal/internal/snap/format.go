package snap

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/hashicorp/raft"
)

const (
	magic     = "MPCK"
	version   = 1
	headerLen = 40
	pieceLen  = 256 << 10 // fits L2 beside what reads it
	maxPiece  = 1 << 20
	maxConfig = 1 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// DamageError says that a checkpoint's bytes do not check.
type DamageError struct {
	File   string
	Offset int64
	Reason string
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("%s is damaged at offset %d: %s", e.File, e.Offset, e.Reason)
}

// VersionError says that a later version wrote the file.
type VersionError struct {
	File    string
	Version int
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("%s has format version %d; this build reads up to %d", e.File, e.Version, version)
}

// meta is what the header holds.
type meta struct {
	index, term, configIndex uint64
	config                   []byte
}

func (m meta) append(b []byte) []byte {
	start := len(b)
	b = append(b, magic...)
	b = binary.LittleEndian.AppendUint32(b, version)
	b = binary.LittleEndian.AppendUint64(b, m.index)
	b = binary.LittleEndian.AppendUint64(b, m.term)
	b = binary.LittleEndian.AppendUint64(b, m.configIndex)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(m.config)))
	sum := crc32.Update(crc32.Checksum(b[start:], castagnoli), castagnoli, m.config)
	b = binary.LittleEndian.AppendUint32(b, sum)
	return append(b, m.config...)
}

// readMeta reads a header; n is its length.
func readMeta(r io.Reader, name string) (m meta, n int64, err error) {
	var h [headerLen]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return m, 0, short(err, name, 0)
	}
	if string(h[:4]) != magic {
		return m, 0, &DamageError{name, 0, "bad magic"}
	}
	k := binary.LittleEndian.Uint32(h[32:])
	if k > maxConfig {
		return m, 0, &DamageError{name, 32, "impossible length"}
	}
	m = meta{
		index: binary.LittleEndian.Uint64(h[8:]), term: binary.LittleEndian.Uint64(h[16:]),
		configIndex: binary.LittleEndian.Uint64(h[24:]), config: make([]byte, k),
	}
	if _, err := io.ReadFull(r, m.config); err != nil {
		return m, 0, short(err, name, headerLen)
	}
	sum := crc32.Update(crc32.Checksum(h[:36], castagnoli), castagnoli, m.config)
	if sum != binary.LittleEndian.Uint32(h[36:]) {
		return m, 0, &DamageError{name, 36, "checksum mismatch in the header"}
	}
	if v := int(binary.LittleEndian.Uint32(h[4:])); v != version {
		return m, 0, &VersionError{name, v}
	}
	return m, int64(headerLen + len(m.config)), nil
}

// configuration decodes raft's part; raft panics on what it cannot decode.
func (m meta) configuration(name string) (c raft.Configuration, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &DamageError{name, headerLen, fmt.Sprint(p)}
		}
	}()
	return raft.DecodeConfiguration(m.config), nil
}

// streamLen is how many bytes a reader gives, of a file with so many behind its header: all pieces but the last one are full.
// Raft counts these bytes when it sends a checkpoint, and refuses one whose length is another.
func streamLen(body int64) int64 {
	body -= 8 // the end
	pieces := (body + 8 + pieceLen - 1) / (8 + pieceLen)
	return max(body-8*pieces, 0)
}

func short(err error, name string, off int64) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return &DamageError{name, off, "the file ends too early"}
	}
	return fmt.Errorf("%s at %d: %w", name, off, err)
}

func pieceSum(number uint64, p []byte) uint32 {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], number)
	return crc32.Update(crc32.Checksum(b[:], castagnoli), castagnoli, p)
}

func endSum(pieces uint64, total int64) uint32 {
	return pieceSum(pieces, binary.LittleEndian.AppendUint64(nil, uint64(total)))
}

// reader hands on checked pieces.
type reader struct {
	r     io.Reader
	index uint64 // the checkpoint's last raft entry
	term  uint64
	close func() error
	name  string
	off   int64
	next  uint64
	total int64
	buf   []byte
	rest  []byte
	err   error // sticky; io.EOF after the end record
	bad   func(error)
}

// Place is the checkpoint's last raft entry.
func (r *reader) Place() (index, term uint64) { return r.index, r.term }

func (r *reader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 && r.err == nil {
		if r.err = r.fetch(); r.err != nil && r.err != io.EOF && r.bad != nil {
			r.bad(r.err)
		}
	}
	if len(r.rest) == 0 && len(p) > 0 {
		return 0, r.err
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func (r *reader) fetch() error {
	var h [8]byte
	if _, err := io.ReadFull(r.r, h[:]); err != nil {
		return short(err, r.name, r.off)
	}
	n, sum := int(binary.LittleEndian.Uint32(h[:])), binary.LittleEndian.Uint32(h[4:])
	if n == 0 {
		if sum != endSum(r.next, r.total) {
			return &DamageError{r.name, r.off, "checksum mismatch at the end"}
		}
		return io.EOF
	}
	if n > maxPiece {
		return &DamageError{r.name, r.off, "impossible length"}
	}
	if cap(r.buf) < n {
		r.buf = make([]byte, n)
	}
	if _, err := io.ReadFull(r.r, r.buf[:n]); err != nil {
		return short(err, r.name, r.off+8)
	}
	if pieceSum(r.next, r.buf[:n]) != sum {
		return &DamageError{r.name, r.off, "checksum mismatch"}
	}
	r.rest, r.off, r.next, r.total = r.buf[:n], r.off+8+int64(n), r.next+1, r.total+int64(n)
	return nil
}

func (r *reader) Close() error { return r.close() }
