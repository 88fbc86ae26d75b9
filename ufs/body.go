package ufs

import (
	"bytes"
	"context"
	"fmt"
	"hash"
	"io"
	"io/fs"

	"github.com/millpond/millpond/ufs/driver"
)

// resumeProgress is what a resumed body must bring for its next failure to count as a first one: a store that ends each
// body after a few bytes is not asked for ever.
const resumeProgress = 64 << 10

// body is a range that is being read. A stream that breaks is replaced by another one, from where it broke and of the
// same version.
type body struct {
	s       *Store
	ctx     context.Context
	left    request // what has yet to come; n is never negative
	st      *stream
	look    bool // look at the end whether the file has changed: the store takes no condition
	pending error
	ended   error // what Read answers from now on
	tries   *tries
	brought int64     // since the last resumption
	sum     hash.Hash // of what came; nil if the store tells no checksum of these bytes
	want    []byte
}

// Read is io.Reader's. The last bytes come only when the driver has said that the body ended well.
func (b *body) Read(p []byte) (int, error) {
	if b.ended != nil {
		return 0, b.ended
	}
	if b.ctx.Err() != nil {
		return 0, b.end(context.Cause(b.ctx))
	}
	if len(p) == 0 {
		return 0, nil
	}
	p = p[:min(int64(len(p)), b.left.n)]
	for {
		n, err := 0, b.pending
		if err == nil {
			n, err = b.st.read(p)
		}
		b.pending = nil
		if n > 0 || err == nil {
			return b.took(p[:n], err)
		}
		if err = b.resume(err); err != nil {
			return 0, b.end(err)
		}
	}
}

// took accounts for bytes that came, maybe with an error.
func (b *body) took(p []byte, err error) (int, error) {
	n := len(p)
	if b.sum != nil {
		b.sum.Write(p)
	}
	b.left.off += int64(n)
	b.left.n -= int64(n)
	b.brought += int64(n)
	if b.left.n > 0 {
		b.pending = err
		b.s.counters.read.Add(int64(n))
		return n, nil
	}
	if err = b.finish(err); err != nil {
		return 0, b.end(err)
	}
	b.s.counters.read.Add(int64(n))
	b.ended = io.EOF
	return n, nil
}

// finish hears the driver out after the last byte, since an SDK that compares checksums tells there, compares the store's
// own, and gives back the place. err came with that byte.
func (b *body) finish(err error) error {
	if err == nil {
		var more [1]byte
		if _, err = b.st.read(more[:]); err == nil {
			err = io.EOF // it goes on, or stutters: what was asked for is here
		}
	}
	if err == io.EOF && b.sum != nil && !bytes.Equal(b.sum.Sum(nil), b.want) {
		err = fmt.Errorf("%w: %x, want %x", driver.ErrChecksum, b.sum.Sum(nil), b.want)
	}
	if err != io.EOF {
		return b.failed(err)
	}
	b.st.close()
	if !b.look {
		return nil
	}
	a, err := b.s.Stat(b.ctx, b.left.key)
	if err == nil && !a.Is(b.left.version) {
		err = driver.ErrChanged
	}
	return err
}

// failed counts a stream's failure and says what it was.
func (b *body) failed(err error) error {
	if err == io.EOF {
		err = fmt.Errorf("body ended %d bytes early: %w", b.left.n, io.ErrUnexpectedEOF)
	}
	err = b.s.explain(b.ctx, b.st.ctx, opRead, err)
	k := kindOf(b.ctx, err)
	b.s.counters.failed(opRead, k)
	b.s.guard.settle(k, false, false, err)
	b.st.close()
	return err
}

// resume opens what is left, after the stream has failed.
func (b *body) resume(err error) error {
	err = b.failed(err)
	if b.left.version == "" { // what is left might be another file's
		return err
	}
	if b.brought >= resumeProgress {
		b.tries.made = 0
	}
	for b.brought = 0; ; {
		b.tries.made++
		if err := b.tries.again(b.ctx, err); err != nil {
			return err
		}
		b.s.counters.resumes.Add(1)
		if b.st, _, err = b.s.openOnce(b.ctx, b.left); err == nil {
			b.look = b.look || !b.s.d.Caps().IfVersion
			return nil
		}
	}
}

// end lets go of the stream; Read answers err from now on.
func (b *body) end(err error) error {
	if b.st != nil {
		b.st.close()
	}
	b.ended = b.s.wrap(opRead, b.left.key, b.tries.made, err)
	return b.ended
}

// Close gives back the place in the store's limits. A second one does nothing.
func (b *body) Close() error {
	if b.ended == nil {
		b.ended = fs.ErrClosed
	}
	if b.st == nil {
		return nil
	}
	return b.st.close()
}
