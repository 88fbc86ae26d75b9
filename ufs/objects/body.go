package objects

import (
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"sync"

	"github.com/millpond/millpond/internal/piece"
)

// Body is the content of one request, as it lies in memory, in pieces, some of them lent, or in a file. It must not be read when
// the request is over, and cannot be: an HTTP client may still be sending when it has given up on the answer.
type Body struct {
	sections []section
	size     int64
	mu       struct {
		sync.RWMutex
		over error // why it is not read any more
	}
}

// NewBody is a Body of bytes that stay as they are.
func NewBody(pieces ...[]byte) *Body {
	sections := make([]section, len(pieces))
	for i, p := range pieces {
		sections[i].lent = p
	}
	return newBody(sections)
}

func newBody(sections []section) *Body {
	b := &Body{sections: sections}
	for i := range sections {
		b.size += int64(sections[i].len())
	}
	return b
}

// Len is the length in bytes.
func (b *Body) Len() int64 { return b.size }

// Sum is h of the whole content. It is for the time before the request. Where bytes cannot be read it is of fewer, and the request
// cannot read any.
func (b *Body) Sum(h hash.Hash) []byte {
	r := &bodyReader{b: b}
	for r.at < b.size {
		p, err := r.next()
		if err != nil {
			b.endWith(err)
			break
		}
		h.Write(p)
		r.at += int64(len(p))
	}
	return h.Sum(nil)
}

// Reader reads the content from its start. Several may be used, one after the other or at the same time.
func (b *Body) Reader() io.ReadSeeker { return &bodyReader{b: b} }

// end waits for Reads under way; those that come later fail.
func (b *Body) end() { b.endWith(errOver) }

func (b *Body) endWith(why error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.over = why
}

var errOver = errors.New("the request that this was the body of is over")

type bodyReader struct {
	b  *Body
	at int64

	section int   // that next found
	start   int64 // of the content before it

	piece []byte // of a chunk in a file, from offset from of the content on
	from  int64
}

func (r *bodyReader) Read(p []byte) (int, error) {
	r.b.mu.RLock()
	defer r.b.mu.RUnlock()
	switch {
	case r.b.mu.over != nil:
		return 0, r.b.mu.over
	case r.at >= r.b.size:
		return 0, io.EOF
	}
	n := 0
	for n < len(p) && r.at < r.b.size {
		next, err := r.next()
		if err != nil {
			return n, err
		}
		k := copy(p[n:], next)
		n, r.at = n+k, r.at+int64(k)
	}
	return n, nil
}

// next is what lies together from at on, which is not the end.
func (r *bodyReader) next() ([]byte, error) {
	if r.at < r.start {
		r.section, r.start = 0, 0
	}
	for ; r.section < len(r.b.sections); r.section++ {
		s := &r.b.sections[r.section]
		off, n := r.at-r.start, int64(s.len())
		if off >= n {
			r.start += n
			continue
		}
		if m := s.memory(); m != nil {
			return m[off:], nil
		}
		return r.load(s.chunk, off)
	}
	return nil, io.ErrUnexpectedEOF
}

// load is next of a chunk in a file, at off in it.
func (r *bodyReader) load(c *chunk, off int64) ([]byte, error) {
	in := off % piece.Size
	if r.piece == nil || r.from != r.at-in {
		if cap(r.piece) == 0 {
			r.piece = make([]byte, piece.Size)
		}
		p, err := c.read(int(off/piece.Size), r.piece[:cap(r.piece)])
		if err != nil {
			r.from = -1
			return nil, err
		}
		r.piece, r.from = p, r.at-in
	}
	return r.piece[in:], nil
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
