package objects

import (
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"sync"
)

// Body is the content of one request, as it lies in memory: in pieces, some of them lent. It must not be read when the
// request is over, and cannot be: an HTTP client may still be sending when it has given up on the answer.
type Body struct {
	pieces [][]byte
	size   int64
	mu     struct {
		sync.RWMutex
		over bool
	}
}

// NewBody is a Body of bytes that stay as they are.
func NewBody(pieces ...[]byte) *Body {
	b := &Body{pieces: pieces}
	for _, p := range pieces {
		b.size += int64(len(p))
	}
	return b
}

// Len is the length in bytes.
func (b *Body) Len() int64 { return b.size }

// Sum is h of the whole content. It is for the time before the request.
func (b *Body) Sum(h hash.Hash) []byte {
	for _, p := range b.pieces {
		h.Write(p)
	}
	return h.Sum(nil)
}

// Reader reads the content from its start. Several may be used, one after the other or at the same time.
func (b *Body) Reader() io.ReadSeeker { return &bodyReader{b: b} }

// end waits for Reads under way; those that come later fail.
func (b *Body) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.over = true
}

var errOver = errors.New("the request that this was the body of is over")

// readAt copies what lies at off, 0 bytes only at the end.
func (b *Body) readAt(p []byte, off int64) (n int, err error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if b.mu.over {
		return 0, errOver
	}
	for _, piece := range b.pieces {
		if off >= int64(len(piece)) {
			off -= int64(len(piece))
			continue
		}
		n += copy(p[n:], piece[off:])
		off = 0
		if n == len(p) {
			break
		}
	}
	return n, nil
}

type bodyReader struct {
	b  *Body
	at int64
}

func (r *bodyReader) Read(p []byte) (int, error) {
	if r.at >= r.b.size {
		return 0, io.EOF
	}
	n, err := r.b.readAt(p, r.at)
	r.at += int64(n)
	return n, err
}

func (r *bodyReader) Seek(off int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		off += r.at
	case io.SeekEnd:
		off += r.b.size
	}
	if off < 0 {
		return 0, fmt.Errorf("%w: seek to %d", fs.ErrInvalid, off)
	}
	r.at = off
	return off, nil
}
