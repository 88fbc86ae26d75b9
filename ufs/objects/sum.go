package objects

import (
	"hash"
	"io"
)

// Sum is a checksum that a store tells of an object.
type Sum struct {
	Hash  hash.Hash // that has seen nothing yet
	Want  []byte
	Range bool // of the bytes that were asked for, not of the whole object
}

// summed is a body that brings all that a checksum is of, a driver.Summed.
type summed struct {
	io.ReadCloser
	sum *Sum
}

func (s summed) Sum() (hash.Hash, []byte) { return s.sum.Hash, s.sum.Want }

// withSum tells of a body that brings n bytes of o from off what they are to be, if the store says so of these bytes.
func withSum(body io.ReadCloser, o Object, off, n int64) io.ReadCloser {
	if o.Sum == nil || !o.Sum.Range && (off > 0 || n >= 0 && n < o.Size) {
		return body
	}
	return summed{body, o.Sum}
}
