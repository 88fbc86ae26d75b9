package inodes

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"
)

// Version is an under store's name for the content of a file, in as few bytes as it takes: stores use digests in hex, in
// quotes or not, and numbers, among them the size and the time that the inode has already.
type Version struct {
	s         string
	size, mod int64
	packed    bool
}

// VersionOf is the version that a store calls s.
func VersionOf(s string) Version { return Version{s: s} }

// String is the store's own name.
func (v Version) String() string {
	if !v.packed {
		return v.s
	}
	return unpack(v.s, v.size, v.mod)
}

// Is reports whether the store calls v s.
func (v Version) Is(s string) bool { return v.String() == s }

// kinds of packed versions, their first byte; "" is none.
const (
	packedRaw    = iota
	packedHex    // lower case, even length
	packedQuoted // the same in double quotes
	packedTuple  // decimal numbers with dashes: 0 size, 1 mod, else the number + 2
	packedAside  // kept whole beside the table
	packedKinds
)

// maxPacked is the longest packed version that a cell holds.
const maxPacked = 250

// pack appends s to b, which has room for a version of at most maxPacked bytes; long says that it is to be kept aside.
func pack(b []byte, s string, size, mod int64) (packed []byte, long bool) {
	if s == "" {
		return b, false
	}
	at := len(b)
	switch p, ok := packTuple(append(b, packedTuple), s, size, mod); {
	case ok:
		b = p
	case isHex(s):
		b = appendHex(append(b, packedHex), s)
	case len(s) > 2 && s[0] == '"' && s[len(s)-1] == '"' && isHex(s[1:len(s)-1]):
		b = appendHex(append(b, packedQuoted), s[1:len(s)-1])
	case len(s) >= maxPacked:
		return append(b, packedAside), true
	default:
		b = append(append(b, packedRaw), s...)
	}
	if len(b)-at > maxPacked {
		return append(b[:at], packedAside), true
	}
	return b, false
}

func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return len(s) > 0 && len(s)%2 == 0 && len(s) < 2*maxPacked
}

func appendHex(b []byte, s string) []byte {
	b, _ = hex.AppendDecode(b, []byte(s))
	return b
}

func packTuple(b []byte, s string, size, mod int64) ([]byte, bool) {
	if len(s) > maxPacked {
		return b, false
	}
	for part := range strings.SplitSeq(s, "-") {
		v, err := strconv.ParseUint(part, 10, 63)
		if err != nil || part[0] == '0' && len(part) > 1 || part[0] == '+' {
			return b, false
		}
		switch v {
		case uint64(size):
			v = 0
		case uint64(mod):
			v = 1
		default:
			v += 2
		}
		b = binary.AppendUvarint(b, v)
	}
	return b, true
}

// unpack is the version that packed stands for, in an inode of that size and time. packedAside is for the caller.
func unpack(packed string, size, mod int64) string {
	if packed == "" {
		return ""
	}
	switch body := packed[1:]; packed[0] {
	case packedHex:
		return hex.EncodeToString([]byte(body))
	case packedQuoted:
		return `"` + hex.EncodeToString([]byte(body)) + `"`
	case packedTuple:
		return unpackTuple(body, size, mod)
	default:
		return body
	}
}

func unpackTuple(body string, size, mod int64) string {
	var buf [64]byte
	b, p := buf[:0], []byte(body)
	for i := 0; len(p) > 0; i++ {
		v, n := binary.Uvarint(p)
		if n <= 0 {
			break
		}
		p = p[n:]
		if i > 0 {
			b = append(b, '-')
		}
		switch v {
		case 0:
			v = uint64(size)
		case 1:
			v = uint64(mod)
		default:
			v -= 2
		}
		b = strconv.AppendUint(b, v, 10)
	}
	return string(b)
}

// goodPacked reports whether packed is what pack makes, for bytes that come from a checkpoint.
func goodPacked(packed []byte) bool {
	if len(packed) == 0 {
		return true
	}
	if packed[0] != packedTuple {
		return packed[0] < packedKinds && (packed[0] != packedAside || len(packed) == 1)
	}
	for p := packed[1:]; ; {
		_, n := binary.Uvarint(p)
		if n <= 0 {
			return false
		}
		if p = p[n:]; len(p) == 0 {
			return true
		}
	}
}
