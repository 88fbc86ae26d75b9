package memufs

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
)

func init() { ufs.RegisterParser("mem", parse) }

// parse names an empty store: mem://name.
func parse(u *url.URL) (driver.Place, error) {
	if _, err := driver.Query(u); err != nil {
		return driver.Place{}, err
	}
	if u.Path != "" && u.Path != "/" {
		return driver.Place{}, fmt.Errorf("%w: path %q; want mem://name", driver.ErrInvalid, driver.ShownPath(u.Path))
	}
	return driver.Place{Open: func(context.Context) (driver.Store, string, error) {
		s := New(&Options{Name: u.Host})
		return s, s.UFS().ID(), nil
	}}, nil
}

// Options tune New.
type Options struct {
	Name    string        // the store is mem://Name; a random one
	Latency time.Duration // of each call; 0
	Caps    *driver.Caps  // what the store can do; nil: Directory()
	UFS     *ufs.Options  // of the Store that UFS hands out; its defaults, without hedges: they would make counts of calls vary
}

// pageSize is that of S3.
const pageSize = 1000

// Directory is what a directory of a disk can do.
func Directory() driver.Caps {
	return driver.Caps{
		Rename: true, RenameDir: true, AtomicReplace: true, Copy: true, Directories: true, IfAbsent: true, IfVersion: true,
		Mode: true, Owner: true, PageSize: pageSize,
	}
}

// Bucket is what a bucket of an object store can do.
func Bucket() driver.Caps {
	return driver.Caps{
		AtomicReplace: true, Copy: true, IfAbsent: true, IfVersion: true, ReplaceVersion: true, DeleteVersion: true, BatchDelete: 1000, PageSize: pageSize,
	}
}

// Store is a store in memory. It is a driver.Store with all optional abilities.
type Store struct {
	o    Options
	caps driver.Caps
	u    *ufs.Store
	sent atomic.Int64
	mu   struct {
		sync.Mutex
		root     *node
		versions int // given so far
		hook     func(op, key string) error
		calls    map[string]int
	}
}

// New makes an empty store; o may be nil. Options that are wrong panic.
func New(o *Options) *Store {
	s := &Store{caps: Directory()}
	if o != nil {
		s.o = *o
	}
	if s.o.Caps != nil {
		s.caps = *s.o.Caps
	}
	if s.caps.PageSize <= 0 {
		s.caps.PageSize = pageSize
	}
	if s.o.Name == "" {
		s.o.Name = fmt.Sprintf("%016x", rand.Uint64())
	}
	s.mu.root = newDir(0o755)
	s.mu.calls = map[string]int{}
	if s.o.UFS == nil {
		s.o.UFS = &ufs.Options{DisableHedge: true}
	}
	u, err := ufs.New(s, "mem://"+s.o.Name, s.o.UFS)
	if err != nil {
		panic(err) // a fake's Options are written by hand: no test has to handle that
	}
	s.u = u
	return s
}

// UFS is the store as a mount takes it.
func (s *Store) UFS() *ufs.Store { return s.u }

// Caps says what the store can do.
func (s *Store) Caps() driver.Caps { return s.caps }

// Close does nothing: what is in the store stays.
func (s *Store) Close() error { return nil }
