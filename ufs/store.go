package ufs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"strings"

	"github.com/millpond/millpond/internal/tail"
	"github.com/millpond/millpond/ufs/driver"
)

// What users and drivers have in common.
type (
	Attr          = driver.Attr          // describes a file or directory
	Caps          = driver.Caps          // what a store can do
	ListOptions   = driver.ListOptions   // selects a page, or all, of a listing
	Page          = driver.Page          // one answer of ListPage
	CreateOptions = driver.CreateOptions // are the options of Create
)

// Store is an under store: a driver, and around it what the package's comment promises. All methods may be called at the
// same time.
type Store struct {
	d        driver.Store
	id       string
	o        Options
	limits   *limits // calls, and bytes of open bodies
	writing  *limits // bytes of writes under way: apart, so that who holds a body can write what he reads
	guard    *guard
	hedging  hedging
	counters counters
	behind   behind
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
	s := &Store{d: d, id: id, o: opts, hedging: hedging{delays: tail.NewDelays(recentOpens, enoughOpens)}}
	s.limits = newLimits(opts.MaxCalls, opts.MaxBytes)
	s.writing = newLimits(int(^uint(0)>>1), opts.MaxBytes)
	s.guard = newGuard(s)
	return s, nil
}

// ID is the place's lasting name, without credentials.
func (s *Store) ID() string { return s.id }

// Caps says what the store can do. What it lacks and this package composes of other calls is still false here: with
// Rename false, Rename works but is not one step, see there; with Copy false, bytes pass through us.
func (s *Store) Caps() Caps { return s.d.Caps() }

// LocalDir is the directory of this machine in which the place lies, "" if it is elsewhere.
func (s *Store) LocalDir() string {
	if l, ok := s.d.(driver.Local); ok {
		return l.LocalDir()
	}
	return ""
}

// Close waits for what goes on behind and closes the driver. Bodies and writers are closed by who opened them, before.
func (s *Store) Close() error {
	s.behind.close()
	return s.d.Close()
}

// Stat describes a key: ErrNotExist.
func (s *Store) Stat(ctx context.Context, key string) (a Attr, err error) {
	err = s.call(ctx, opStat, key, func(ctx context.Context) error {
		a, err = s.d.Stat(ctx, key)
		return err
	})
	return a, err
}

// ListPage answers one page, in the store's order: ErrNotExist for a missing directory, ErrNotDir for a file,
// ErrUnsupported with Caps.NoList.
func (s *Store) ListPage(ctx context.Context, o ListOptions) (p Page, err error) {
	o.Prefix = strings.TrimSuffix(o.Prefix, "/")
	err = s.call(ctx, opList, o.Prefix, func(ctx context.Context) error {
		p, err = s.d.List(ctx, o)
		return err
	})
	return p, err
}

// List yields what o selects, page by page: it holds one page. An error ends it, yielded once.
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

// Mkdir makes a directory, with parents those above it as well: ErrExist, unless parents and it is one; ErrNotExist for a
// missing parent. In a store that has neither directories nor markers for them there is nothing to do.
func (s *Store) Mkdir(ctx context.Context, key string, parents bool, mode fs.FileMode) error {
	m, ok := s.d.(driver.Mkdirer)
	if !ok {
		return nil
	}
	t := s.tries(opMkdir)
	t.repeat = parents // then one that is there already is as good
	return t.call(ctx, key, func(ctx context.Context) error { return m.Mkdir(ctx, key, parents, mode) })
}

// SetMode sets permission bits; the Attr has the version after it. ErrUnsupported without Caps.Mode.
func (s *Store) SetMode(ctx context.Context, key string, mode fs.FileMode) (a Attr, err error) {
	m, ok := s.d.(driver.Moder)
	if !ok {
		return a, s.wrap(opSetMode, key, 1, driver.ErrUnsupported)
	}
	err = s.call(ctx, opSetMode, key, func(ctx context.Context) error {
		a, err = m.SetMode(ctx, key, mode)
		return err
	})
	return a, err
}

// SetOwner sets owner and group; "" leaves one. ErrUnsupported without Caps.Owner.
func (s *Store) SetOwner(ctx context.Context, key, owner, group string) (a Attr, err error) {
	m, ok := s.d.(driver.Owner)
	if !ok {
		return a, s.wrap(opSetOwner, key, 1, driver.ErrUnsupported)
	}
	err = s.call(ctx, opSetOwner, key, func(ctx context.Context) error {
		a, err = m.SetOwner(ctx, key, owner, group)
		return err
	})
	return a, err
}
