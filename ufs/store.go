package ufs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millpond/millpond/ufs/driver"
)

type (
	Attr          = driver.Attr
	ListOptions   = driver.ListOptions
	Page          = driver.Page
	CreateOptions = driver.CreateOptions
)

// Store is an under store.
type Store struct {
	d     driver.Store
	id    string
	o     Options
	slots chan struct{}
	m     struct {
		sync.Mutex
		calls map[string]*CallStats
	}
	read, written, retries atomic.Int64
}

// CallStats counts the calls of one kind.
type CallStats struct{ Calls, Errors int64 }

// Metrics is a Store at one moment.
type Metrics struct {
	Calls                            map[string]CallStats
	BytesRead, BytesWritten, Retries int64
}

// New puts what a Store adds around a driver. id is the lasting name of the place, see driver.Opener. o may be nil; what
// is wrong with it is ErrInvalid, all at once, and closes d. The Store owns d: its Close closes it.
func New(d driver.Store, id string, o *Options) (*Store, error) {
	var given Options
	if o != nil {
		given = *o
	}
	opts, err := given.complete()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("under store %s: %w", id, err), d.Close())
	}
	s := &Store{d: d, id: id, o: opts}
	s.slots = make(chan struct{}, s.o.MaxCalls)
	s.m.calls = map[string]*CallStats{}
	return s, nil
}

func (s *Store) ID() string        { return s.id }
func (s *Store) Caps() driver.Caps { return s.d.Caps() }
func (s *Store) Close() error      { return s.d.Close() }

func (s *Store) Metrics() Metrics {
	m := Metrics{Calls: map[string]CallStats{}, BytesRead: s.read.Load(), BytesWritten: s.written.Load(), Retries: s.retries.Load()}
	s.m.Lock()
	defer s.m.Unlock()
	for k, v := range s.m.calls {
		m.Calls[k] = *v
	}
	return m
}

func permanent(err error) bool {
	for _, e := range []error{driver.ErrNotExist, driver.ErrExist, driver.ErrPermission, driver.ErrInvalid, driver.ErrNotDir, driver.ErrIsDir, driver.ErrNotEmpty, driver.ErrChanged, driver.ErrUnsupported, driver.ErrReadOnly, io.EOF} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func (s *Store) call(ctx context.Context, op, key string, again bool, f func(ctx context.Context) error) error {
	attempts := 1
	if again {
		attempts = s.o.Attempts
	}
	var err error
	for i := range attempts {
		if i > 0 {
			s.retries.Add(1)
			d := min(s.o.BaseDelay<<i, s.o.MaxDelay)
			select {
			case <-time.After(rand.N(d)):
			case <-ctx.Done():
				return s.wrap(op, key, context.Cause(ctx))
			}
		}
		if ctx.Err() != nil { // select would choose by chance
			return s.wrap(op, key, context.Cause(ctx))
		}
		select {
		case s.slots <- struct{}{}:
		case <-ctx.Done():
			return s.wrap(op, key, context.Cause(ctx))
		}
		err = f(ctx)
		<-s.slots
		s.count(op, err)
		if err == nil || permanent(err) || ctx.Err() != nil {
			break
		}
	}
	return s.wrap(op, key, err)
}

func (s *Store) count(op string, err error) {
	s.m.Lock()
	defer s.m.Unlock()
	c := s.m.calls[op]
	if c == nil {
		c = new(CallStats)
		s.m.calls[op] = c
	}
	c.Calls++
	if err != nil {
		c.Errors++
	}
}

func (s *Store) wrap(op, key string, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return fmt.Errorf("%s %q in %s: %w", op, key, s.id, err)
}

func (s *Store) Stat(ctx context.Context, key string) (a Attr, err error) {
	err = s.call(ctx, "stat", key, true, func(ctx context.Context) error { a, err = s.d.Stat(ctx, key); return err })
	return a, err
}

func (s *Store) ListPage(ctx context.Context, o ListOptions) (p Page, err error) {
	o.Prefix = strings.TrimSuffix(o.Prefix, "/")
	err = s.call(ctx, "list", o.Prefix, true, func(ctx context.Context) error { p, err = s.d.List(ctx, o); return err })
	return p, err
}

func (s *Store) List(ctx context.Context, o ListOptions) iter.Seq2[Attr, error] {
	return func(yield func(Attr, error) bool) {
		for {
			p, err := s.ListPage(ctx, o)
			if err != nil {
				yield(Attr{}, err)
				return
			}
			for _, a := range p.Entries {
				if !yield(a, nil) {
					return
				}
			}
			if p.Token == "" {
				return
			}
			o.Token = p.Token
		}
	}
}

func (s *Store) Open(ctx context.Context, key string, off, n int64, version string) (rc io.ReadCloser, a Attr, err error) {
	err = s.call(ctx, "open", key, true, func(ctx context.Context) error { rc, a, err = s.d.Open(ctx, key, off, n, version); return err })
	if err != nil {
		return nil, a, err
	}
	if version != "" && a.Version != version { // a store that knows no conditions answers with what it has
		rc.Close()
		return nil, a, s.wrap("open", key, driver.ErrChanged)
	}
	want := a.Size - off
	if n >= 0 {
		want = min(want, n)
	}
	return &body{ctx: ctx, s: s, key: key, off: off, left: max(want, 0), version: a.Version, rc: rc}, a, nil
}

type body struct {
	ctx     context.Context
	s       *Store
	key     string
	off     int64
	left    int64
	version string
	rc      io.ReadCloser
	tries   int
}

func (b *body) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	if err := b.ctx.Err(); err != nil {
		return 0, context.Cause(b.ctx)
	}
	p = p[:min(int64(len(p)), b.left)]
	n, err := b.rc.Read(p)
	b.off += int64(n)
	b.left -= int64(n)
	b.s.read.Add(int64(n))
	if n > 0 || err == nil {
		return n, nil
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if permanent(err) || b.tries >= b.s.o.Attempts {
		return 0, b.s.wrap("read", b.key, err)
	}
	b.tries++
	b.rc.Close()
	rc, a, err := b.s.d.Open(b.ctx, b.key, b.off, b.left, b.version)
	b.s.count("open", err)
	if err == nil && a.Version != b.version {
		rc.Close()
		err = driver.ErrChanged
	}
	if err != nil {
		b.rc = io.NopCloser(errReader{err})
		return 0, b.s.wrap("read", b.key, err)
	}
	b.rc = rc
	return 0, nil
}

type errReader struct{ err error }

func (e errReader) Read([]byte) (int, error) { return 0, e.err }
func (b *body) Close() error                 { return b.rc.Close() }

func (s *Store) ReadAt(ctx context.Context, key, version string, p []byte, off int64) (int, error) {
	rc, a, err := s.Open(ctx, key, off, int64(len(p)), version)
	if err != nil {
		return 0, err
	}
	defer rc.Close()
	n, err := io.ReadFull(rc, p)
	if err != nil && off+int64(n) >= a.Size {
		err = io.EOF
	}
	return n, err
}

// Writer writes a file of the store.
type Writer struct {
	s    *Store
	key  string
	w    driver.Writer
	done bool
}

func (s *Store) Create(ctx context.Context, key string, o CreateOptions) (*Writer, error) {
	w := &Writer{s: s, key: key}
	err := s.call(ctx, "create", key, false, func(ctx context.Context) (err error) { w.w, err = s.d.Create(ctx, key, o); return err })
	if err != nil {
		return nil, err
	}
	return w, nil
}
func (w *Writer) Write(p []byte) (int, error) {
	n, err := w.w.Write(p)
	w.s.written.Add(int64(n))
	return n, w.s.wrap("write", w.key, err)
}
func (w *Writer) ReadFrom(r io.Reader) (int64, error) { return io.Copy(struct{ io.Writer }{w}, r) }
func (w *Writer) Commit(ctx context.Context) (a Attr, err error) {
	err = w.s.call(ctx, "commit", w.key, false, func(ctx context.Context) error {
		w.done = true // from here on the driver cleans up; before, Abort does
		a, err = w.w.Commit(ctx)
		return err
	})
	return a, err
}
func (w *Writer) Abort(ctx context.Context) error {
	if w.done {
		return nil
	}
	w.done = true
	return w.w.Abort(ctx)
}

func (s *Store) Delete(ctx context.Context, key string) error {
	return s.call(ctx, "delete", key, false, func(ctx context.Context) error { return s.d.Delete(ctx, key) })
}
func (s *Store) DeleteBatch(ctx context.Context, keys []string) map[string]error {
	failed := map[string]error{}
	for _, k := range keys {
		if err := s.Delete(ctx, k); err != nil {
			failed[k] = err
		}
	}
	return failed
}
func (s *Store) DeleteAll(ctx context.Context, dir string) error {
	var es []Attr
	for a, err := range s.List(ctx, ListOptions{Prefix: dir}) {
		if err != nil {
			return err
		}
		es = append(es, a)
	}
	for _, a := range es {
		var err error
		if a.Dir {
			if err = s.DeleteAll(ctx, a.Key); errors.Is(err, driver.ErrNotExist) {
				err = nil
			}
		} else {
			err = s.Delete(ctx, a.Key)
		}
		if err != nil {
			return err
		}
	}
	err := s.Delete(ctx, dir)
	if len(es) > 0 && !s.Caps().Directories && errors.Is(err, driver.ErrNotExist) {
		return nil // it lived by what was in it
	}
	return err
}
func (s *Store) Rename(ctx context.Context, from, to string, overwrite bool) (a Attr, err error) {
	r, ok := s.d.(driver.Renamer)
	if !ok {
		return a, s.wrap("rename", from, driver.ErrUnsupported)
	}
	err = s.call(ctx, "rename", from, false, func(ctx context.Context) error { a, err = r.Rename(ctx, from, to, overwrite); return err })
	return a, err
}
func (s *Store) Mkdir(ctx context.Context, key string, parents bool, mode fs.FileMode) error {
	m, ok := s.d.(driver.Mkdirer)
	if !ok {
		return nil
	}
	return s.call(ctx, "mkdir", key, false, func(ctx context.Context) error { return m.Mkdir(ctx, key, parents, mode) })
}
func (s *Store) SetMode(ctx context.Context, key string, mode fs.FileMode) (a Attr, err error) {
	m, ok := s.d.(driver.Moder)
	if !ok {
		return a, driver.ErrUnsupported
	}
	err = s.call(ctx, "setmode", key, false, func(ctx context.Context) error { a, err = m.SetMode(ctx, key, mode); return err })
	return a, err
}

func (s *Store) SetOwner(ctx context.Context, key, owner, group string) (a Attr, err error) {
	m, ok := s.d.(driver.Owner)
	if !ok {
		return a, driver.ErrUnsupported
	}
	err = s.call(ctx, "setowner", key, false, func(ctx context.Context) error { a, err = m.SetOwner(ctx, key, owner, group); return err })
	return a, err
}
