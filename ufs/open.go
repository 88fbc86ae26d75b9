package ufs

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/millpond/millpond/ufs/driver"
)

// Open reads n bytes of a file from off, or all with n < 0; fewer where the file ends. The Attr describes that file. A
// version that is not "" is a condition: ErrChanged if the file has another. Others: ErrNotExist, ErrIsDir.
//
// A body that breaks is resumed under the version that it began with. In a store without Caps.IfVersion a read with a
// version costs a Stat more: before the last bytes are handed out, it looks whether the file is still the same. The body
// counts against Options.MaxCalls until it is read to its end or closed; ctx ends it; one goroutine reads it.
//
// A range (n > 0) of a version, from a store with Caps.IfVersion, whose answer is later than 95 % of the recent ones is
// asked for a second time, and the first answer is taken: both are of that version. That is at most 5 % more requests,
// none that would wait or meet a breaker, and none if answers come within 5 ms. Options.DisableHedge turns it off.
func (s *Store) Open(ctx context.Context, key string, off, n int64, version string) (io.ReadCloser, Attr, error) {
	if err := s.checkOffset(key, off); err != nil {
		return nil, Attr{}, err
	}
	b, a, err := s.open(ctx, request{key, off, n, version})
	if err != nil {
		return nil, a, err
	}
	return b, a, nil
}

func (s *Store) checkOffset(key string, off int64) error {
	if off < 0 {
		return s.wrap(opOpen, key, 1, fmt.Errorf("%w: offset %d", driver.ErrInvalid, off))
	}
	return nil
}

func (s *Store) open(ctx context.Context, r request) (*body, Attr, error) {
	t := s.tries(opOpen)
	for {
		st, a, err := s.openOnce(ctx, r)
		t.made++
		if err == nil {
			return s.newBody(ctx, st, r, a), a, nil
		}
		if err = t.again(ctx, err); err != nil {
			return nil, a, s.wrap(opOpen, r.key, t.made, err)
		}
	}
}

func (s *Store) newBody(ctx context.Context, st *stream, r request, a Attr) *body {
	b := &body{s: s, ctx: ctx, left: r, st: st, tries: s.tries(opRead), look: r.version != "" && !s.d.Caps().IfVersion}
	b.left.version = a.Version
	b.left.n = max(a.Size-r.off, 0)
	if r.n >= 0 {
		b.left.n = min(b.left.n, r.n)
	}
	if s, ok := st.rc.(driver.Summed); ok {
		b.sum, b.want = s.Sum()
	}
	if b.left.n == 0 { // nothing to come
		st.works()
		st.close()
		b.ended = io.EOF
	}
	return b
}

// Fetch opens a range as Open does and hands it to take. If what came is not what the store's checksum says, which the body tells
// instead of its last bytes, take is called again, within Options.Attempts, and begins anew. checked: the store has told a
// checksum of these bytes, so that none of them is to be believed before take has returned.
func (s *Store) Fetch(ctx context.Context, key, version string, off, n int64, take func(body io.Reader, checked bool) error) error {
	t := s.tries(opRead)
	for {
		err := s.fetchOnce(ctx, key, version, off, n, take)
		t.made++
		if !errors.Is(err, driver.ErrChecksum) {
			return err
		}
		if err = t.again(ctx, err); err != nil {
			return err
		}
	}
}

func (s *Store) fetchOnce(ctx context.Context, key, version string, off, n int64, take func(body io.Reader, checked bool) error) error {
	if err := s.checkOffset(key, off); err != nil {
		return err
	}
	b, _, err := s.open(ctx, request{key, off, n, version})
	if err != nil {
		return err
	}
	defer b.Close()
	return take(b, b.sum != nil)
}

// ReadAt fills p from off: as Fetch and io.ReadFull do. At the end of the file it is short, with io.EOF.
func (s *Store) ReadAt(ctx context.Context, key, version string, p []byte, off int64) (n int, err error) {
	err = s.Fetch(ctx, key, version, off, int64(len(p)), func(body io.Reader, _ bool) (err error) {
		n, err = io.ReadFull(body, p)
		return err
	})
	if err == io.ErrUnexpectedEOF { // bare: the body ended as it should, so the file does
		err = io.EOF
	}
	return n, err
}
