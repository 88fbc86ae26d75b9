package seglog

import (
	"encoding/binary"
	"hash/crc32"
)

// HeaderOfVersion is a segment of another version.
func HeaderOfVersion(v uint16) []byte {
	b := appendHeader(nil, 1, 2)
	binary.LittleEndian.PutUint16(b[4:], v)
	binary.LittleEndian.PutUint32(b[28:], crc32.Checksum(b[:28], castagnoli))
	return b
}

// ScanForTest scans b and reads each entry that it finds.
func ScanForTest(b []byte, last bool) {
	s, err := scan("f", b, last)
	if err != nil {
		return
	}
	for _, off := range s.offsets {
		if _, reason := parseRecord(b[off:], saltSum(s.salt)); reason != "" {
			panic(reason)
		}
	}
}
