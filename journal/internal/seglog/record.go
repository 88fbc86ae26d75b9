package seglog

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/hashicorp/raft"
)

const (
	headerLen  = 32
	recordLen  = 40
	align      = 8
	version    = 1
	magic      = "MPLG"
	sealType   = 255
	maxPayload = 256 << 20 // far above what a proposer sends; a length beyond it is damage, not a record
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// DamageError says that bytes which had been durable do not check any more.
type DamageError struct {
	File   string
	Offset int64
	Reason string
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("%s is damaged at offset %d: %s", e.File, e.Offset, e.Reason)
}

// VersionError says that a file was written by a later version.
type VersionError struct {
	File    string
	Version int
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("%s has format version %d; this build reads up to %d", e.File, e.Version, version)
}

func appendHeader(b []byte, first, salt uint64) []byte {
	start := len(b)
	b = append(b, magic...)
	b = binary.LittleEndian.AppendUint16(b, version)
	b = binary.LittleEndian.AppendUint16(b, 0)
	b = binary.LittleEndian.AppendUint64(b, first)
	b = binary.LittleEndian.AppendUint64(b, salt)
	b = binary.LittleEndian.AppendUint32(b, 0)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
}

// parseHeader reads a segment's header; ver is its version where the rest cannot be read for that alone.
func parseHeader(b []byte) (first, salt uint64, ver int, ok bool) {
	if len(b) < headerLen || string(b[:4]) != magic ||
		binary.LittleEndian.Uint32(b[28:]) != crc32.Checksum(b[:28], castagnoli) {
		return 0, 0, 0, false
	}
	ver = int(binary.LittleEndian.Uint16(b[4:]))
	return binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b[16:]), ver, ver == version
}

func saltSum(salt uint64) uint32 {
	return crc32.Checksum(binary.LittleEndian.AppendUint64(nil, salt), castagnoli)
}

// header is the fixed part of a record.
type header struct {
	n        int // bytes of data and extension
	sum      uint32
	index    uint64
	term     uint64
	appended int64
	base     uint32
	typ      uint8
	ext      int
}

func padded(n int) int { return (n + align - 1) &^ (align - 1) }

// size is what the record takes in the file.
func (h header) size() int { return padded(recordLen + h.n) }

func appendRecord(b []byte, seed uint32, base uint32, l *raft.Log) []byte {
	start := len(b)
	n := len(l.Data) + len(l.Extensions)
	b = binary.LittleEndian.AppendUint32(b, uint32(n))
	b = binary.LittleEndian.AppendUint32(b, 0)
	b = binary.LittleEndian.AppendUint64(b, l.Index)
	b = binary.LittleEndian.AppendUint64(b, l.Term)
	var at int64
	if !l.AppendedAt.IsZero() {
		at = l.AppendedAt.UnixNano()
	}
	b = binary.LittleEndian.AppendUint64(b, uint64(at))
	b = binary.LittleEndian.AppendUint32(b, base)
	b = append(b, byte(l.Type), 0)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(l.Extensions)))
	b = append(b, l.Data...)
	b = append(b, l.Extensions...)
	binary.LittleEndian.PutUint32(b[start+4:], crc32.Update(seed, castagnoli, b[start+8:]))
	for (len(b)-start)%align != 0 {
		b = append(b, 0)
	}
	return b
}

// parseRecord reads the record at the beginning of b and checks it; reason is empty if it is good.
func parseRecord(b []byte, seed uint32) (h header, reason string) {
	if len(b) < recordLen {
		return h, "the file ends within a record's header"
	}
	h = header{
		n:        int(binary.LittleEndian.Uint32(b)),
		sum:      binary.LittleEndian.Uint32(b[4:]),
		index:    binary.LittleEndian.Uint64(b[8:]),
		term:     binary.LittleEndian.Uint64(b[16:]),
		appended: int64(binary.LittleEndian.Uint64(b[24:])),
		base:     binary.LittleEndian.Uint32(b[32:]),
		typ:      b[36],
		ext:      int(binary.LittleEndian.Uint16(b[38:])),
	}
	switch {
	case h.n > maxPayload || h.ext > h.n:
		return h, fmt.Sprintf("a record of %d bytes with %d of extension cannot be", h.n, h.ext)
	case recordLen+h.n > len(b):
		return h, "the file ends within a record"
	case crc32.Update(seed, castagnoli, b[8:recordLen+h.n]) != h.sum:
		return h, "checksum mismatch"
	}
	return h, ""
}

// fill makes a raft entry of a record's bytes; data is copied.
func (h header) fill(b []byte, l *raft.Log) {
	payload := append([]byte(nil), b[recordLen:recordLen+h.n]...)
	*l = raft.Log{Index: h.index, Term: h.term, Type: raft.LogType(h.typ), Data: payload[:h.n-h.ext]}
	if h.ext > 0 {
		l.Extensions = payload[h.n-h.ext:]
	}
	if h.appended != 0 {
		l.AppendedAt = time.Unix(0, h.appended)
	}
}
