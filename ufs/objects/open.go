package objects

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/millpond/millpond/ufs/driver"
)

// Open of a range is one GET. Only what a GET cannot answer costs more: no bytes, a range beyond the end, a directory.
func (s *store) Open(ctx context.Context, key string, off, n int64, version string) (io.ReadCloser, driver.Attr, error) {
	if key == "" {
		return nil, driver.Attr{}, driver.ErrIsDir
	}
	name, err := s.name(key)
	if err != nil {
		return nil, driver.Attr{}, err
	}
	if off < 0 {
		return nil, driver.Attr{}, driver.ErrInvalid
	}
	if n == 0 {
		return s.nothing(ctx, key, name, version)
	}
	body, o, err := s.b.Get(ctx, name, off, n, version)
	switch {
	case err == nil:
		return withSum(body, o, off, n), file(key, o), nil
	case errors.Is(err, ErrRange):
		return s.nothing(ctx, key, name, version)
	case version == "" && errors.Is(err, driver.ErrNotExist):
		if _, e := s.statDir(ctx, key); e == nil {
			err = driver.ErrIsDir
		}
	}
	return nil, driver.Attr{}, err
}

// nothing opens no bytes of a file.
func (s *store) nothing(ctx context.Context, key, name, version string) (io.ReadCloser, driver.Attr, error) {
	o, err := s.b.Head(ctx, name)
	if version != "" && (errors.Is(err, driver.ErrNotExist) || err == nil && o.Version != version) {
		err = driver.ErrChanged
	}
	if err != nil {
		return nil, driver.Attr{}, err
	}
	return http.NoBody, file(key, o), nil
}

// Create does not look what is there: with a condition the store does, at Commit, for the object of that name.
func (s *store) Create(ctx context.Context, key string, o driver.CreateOptions) (driver.Writer, error) {
	name, err := s.name(key)
	if err != nil {
		return nil, err
	}
	u, err := s.b.Put(ctx, name, PutOptions{IfAbsent: o.IfAbsent, IfVersion: o.IfVersion, Size: o.Size})
	if err != nil {
		return nil, err
	}
	w := writer{u, key}
	if l, ok := u.(driver.Lender); ok {
		return lentWriter{w, l}, nil
	}
	return w, nil
}

type writer struct {
	Upload
	key string
}

// lentWriter is a writer whose Upload sends bytes from where they lie.
type lentWriter struct {
	writer
	driver.Lender
}

func (w writer) Commit(ctx context.Context) (driver.Attr, error) {
	o, err := w.Upload.Commit(ctx)
	if err != nil {
		return driver.Attr{}, err
	}
	return file(w.key, o), nil
}
