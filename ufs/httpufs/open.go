package httpufs

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/millpond/millpond/ufs/driver"
)

// Open reads a range by one GET.
func (s *store) Open(ctx context.Context, key string, off, n int64, version string) (io.ReadCloser, driver.Attr, error) {
	u, err := s.at(key, false)
	switch {
	case err != nil:
		return nil, driver.Attr{}, err
	case off < 0:
		return nil, driver.Attr{}, driver.ErrInvalid
	case key == "":
		return nil, driver.Attr{}, driver.ErrIsDir
	case n == 0:
		return s.nothing(ctx, key, version)
	}
	h := http.Header{}
	if version != "" {
		condition(h, version)
	}
	if off > 0 || n > 0 {
		h.Set("Range", rangeOf(off, n))
	}
	a, err := s.do(ctx, http.MethodGet, u, h)
	if err != nil {
		return nil, driver.Attr{}, err
	}
	body, attr, err := s.opened(a, key, off, n, version)
	if err != nil {
		discard(a.Body)
	}
	if err == errPastEnd {
		return s.nothing(ctx, key, version)
	}
	return body, attr, err
}

func rangeOf(off, n int64) string {
	if n < 0 || off+n < 0 {
		return fmt.Sprintf("bytes=%d-", off)
	}
	return fmt.Sprintf("bytes=%d-%d", off, off+n-1)
}

// errPastEnd says that a range begins where the file has ended.
var errPastEnd = fmt.Errorf("%w: range past the end", driver.ErrInvalid)

// opened makes of an answer what was asked for.
func (s *store) opened(a *answer, key string, off, n int64, version string) (io.ReadCloser, driver.Attr, error) {
	if a.slash {
		return nil, driver.Attr{}, driver.ErrIsDir
	}
	var r span
	var err error
	switch a.StatusCode {
	case http.StatusOK: // all of it, asked for or not
		r = span{0, a.ContentLength, a.ContentLength}
	case http.StatusPartialContent:
		r, err = contentRange(a.Header.Get("Content-Range"), off, n)
	case http.StatusRequestedRangeNotSatisfiable:
		err = errPastEnd
	default:
		err = failure(a.Response)
	}
	if err != nil {
		return nil, driver.Attr{}, err
	}
	attr, err := attrOf(key, a.Response, r.size)
	switch {
	case err != nil:
		return nil, driver.Attr{}, err
	case version != "" && attr.Version != version:
		return nil, attr, driver.ErrChanged
	}
	return s.cut(a.Body, r, off, n, attr)
}

// cut gives n bytes from off on of a body that has the span r.
func (s *store) cut(body io.ReadCloser, r span, off, n int64, attr driver.Attr) (io.ReadCloser, driver.Attr, error) {
	skip := min(off, attr.Size) - r.from
	if skip > s.maxSkip {
		return nil, driver.Attr{}, fmt.Errorf("%w: the server knows no ranges, and byte %d lies behind more than Options.MaxSkip, %d", driver.ErrUnsupported, off, s.maxSkip)
	}
	if _, err := io.CopyN(io.Discard, body, max(skip, 0)); err != nil {
		return nil, driver.Attr{}, err
	}
	left := r.to - r.from - max(skip, 0)
	if n >= 0 {
		left = min(left, n)
	}
	return &cutBody{io.LimitedReader{R: body, N: left}, body}, attr, nil
}

// cutBody ends after its bytes; a body that ends before is an error.
type cutBody struct {
	io.LimitedReader
	io.Closer
}

func (b *cutBody) Read(p []byte) (int, error) {
	n, err := b.LimitedReader.Read(p)
	if err == io.EOF && b.N > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// nothing opens no bytes of a file.
func (s *store) nothing(ctx context.Context, key, version string) (io.ReadCloser, driver.Attr, error) {
	a, err := s.Stat(ctx, key)
	switch {
	case err != nil:
		return nil, driver.Attr{}, err
	case a.Dir:
		return nil, a, driver.ErrIsDir
	case version != "" && a.Version != version:
		return nil, a, driver.ErrChanged
	}
	return http.NoBody, a, nil
}

// span is what of a file a body has: from inclusive, to exclusive.
type span struct{ from, to, size int64 }

// contentRange reads the header of a partial answer, which must be of the range that was asked for, to its end or the
// file's.
func contentRange(v string, off, n int64) (span, error) {
	wrong := fmt.Errorf("the server answers %s with Content-Range %q", rangeOf(off, n), v)
	rest, ok := strings.CutPrefix(v, "bytes ")
	first, rest, ok2 := strings.Cut(rest, "-")
	last, size, ok3 := strings.Cut(rest, "/")
	if !ok || !ok2 || !ok3 {
		return span{}, wrong
	}
	var r span
	for at, text := range map[*int64]string{&r.from: first, &r.to: last, &r.size: size} {
		v, err := strconv.ParseUint(strings.TrimSpace(text), 10, 63)
		if err != nil {
			return span{}, wrong
		}
		*at = int64(v)
	}
	r.to++
	want := r.size
	if n >= 0 && n < r.size-off {
		want = off + n
	}
	if r.from != off || r.to != want || r.to <= r.from {
		return span{}, wrong
	}
	return r, nil
}
