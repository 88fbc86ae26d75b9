package ufstest

import (
	"context"
	"io/fs"
	"slices"
	"sync"
	"time"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
)

// Faulty wraps any driver and makes its calls go wrong by a [Script]. It has every optional ability; one that the driver
// lacks is ErrUnsupported, as Caps says. A *ufs.Store is wrapped by way of [Driver].
type Faulty struct {
	d  driver.Store
	mu struct {
		sync.Mutex
		script Script
		met    []int // calls that each rule has matched
		log    []string
	}
}

// NewFaulty wraps d. A script that does not parse is an error.
func NewFaulty(d driver.Store, script string) (*Faulty, error) {
	f := &Faulty{d: d}
	return f, f.Play(script)
}

// Play goes on with another script; rules count from now.
func (f *Faulty) Play(script string) error {
	s, err := ParseScript(script)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.script, f.mu.met = s, make([]int, len(s))
	return nil
}

// String is the script that is played.
func (f *Faulty) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mu.script.String()
}

// Log is the calls so far, in their order: "open a/b". An open that names a range has it: "open a/b 100+20".
func (f *Faulty) Log() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.mu.log)
}

// rules are those that apply to a call, which they count.
func (f *Faulty) rules(op, key, note string) (rules []Rule) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.log = append(f.mu.log, op+" "+key+note)
	for i := range f.mu.script {
		r := &f.mu.script[i]
		if !r.matches(op, key) {
			continue
		}
		f.mu.met[i]++
		if n := f.mu.met[i]; n >= r.First && (r.Last == 0 || n <= r.Last) {
			rules = append(rules, *r)
		}
	}
	return rules
}

// play lets a call go as the script says; body gets the rules that are about bytes.
func (f *Faulty) play(ctx context.Context, op, key, note string, call func(body []Rule) error) error {
	rules := f.rules(op, key, note)
	for _, r := range rules {
		if err := r.wait(ctx); err != nil {
			return err
		}
		if r.Fail != "" && !r.Done {
			return r.err()
		}
	}
	err := call(rules)
	for _, r := range rules {
		if err == nil && r.Fail != "" && r.Done {
			return r.err()
		}
	}
	return err
}

func (r *Rule) wait(ctx context.Context) error {
	if r.Stall {
		<-ctx.Done()
	}
	if ctx.Err() != nil { // select would choose by chance
		return ctx.Err()
	}
	timer := time.NewTimer(r.Delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// do plays a call that answers nothing but an error.
func (f *Faulty) do(ctx context.Context, op, key string, call func() error) error {
	return f.play(ctx, op, key, "", func([]Rule) error { return call() })
}

func (f *Faulty) Caps() driver.Caps { return f.d.Caps() }
func (f *Faulty) Close() error      { return f.d.Close() }

func (f *Faulty) Stat(ctx context.Context, key string) (a driver.Attr, err error) {
	err = f.do(ctx, "stat", key, func() error { a, err = f.d.Stat(ctx, key); return err })
	return a, err
}

func (f *Faulty) List(ctx context.Context, o driver.ListOptions) (p driver.Page, err error) {
	err = f.do(ctx, "list", o.Prefix, func() error { p, err = f.d.List(ctx, o); return err })
	return p, err
}

func (f *Faulty) Delete(ctx context.Context, key string) error {
	return f.do(ctx, "delete", key, func() error { return f.d.Delete(ctx, key) })
}

func (f *Faulty) Rename(ctx context.Context, from, to string, overwrite bool) (a driver.Attr, err error) {
	r, ok := f.d.(driver.Renamer)
	if !ok {
		return a, driver.ErrUnsupported
	}
	err = f.do(ctx, "rename", from, func() error { a, err = r.Rename(ctx, from, to, overwrite); return err })
	return a, err
}

func (f *Faulty) Copy(ctx context.Context, from, to, version string) (a driver.Attr, err error) {
	c, ok := f.d.(driver.Copier)
	if !ok {
		return a, driver.ErrUnsupported
	}
	err = f.do(ctx, "copy", from, func() error { a, err = c.Copy(ctx, from, to, version); return err })
	return a, err
}

// DeleteBatch is matched by its first key.
func (f *Faulty) DeleteBatch(ctx context.Context, keys []string) (failed map[string]error, err error) {
	b, ok := f.d.(driver.BatchDeleter)
	if !ok {
		return nil, driver.ErrUnsupported
	}
	err = f.do(ctx, "deletebatch", keys[0], func() error { failed, err = b.DeleteBatch(ctx, keys); return err })
	return failed, err
}

// DeleteVersion is matched as a delete.
func (f *Faulty) DeleteVersion(ctx context.Context, key, version string) error {
	d, ok := f.d.(driver.VersionDeleter)
	if !ok {
		return driver.ErrUnsupported
	}
	return f.do(ctx, "delete", key, func() error { return d.DeleteVersion(ctx, key, version) })
}

// Mkdir does nothing over a driver without: as package ufs does.
func (f *Faulty) Mkdir(ctx context.Context, key string, parents bool, mode fs.FileMode) error {
	m, ok := f.d.(driver.Mkdirer)
	if !ok {
		return nil
	}
	return f.do(ctx, "mkdir", key, func() error { return m.Mkdir(ctx, key, parents, mode) })
}

func (f *Faulty) SetMode(ctx context.Context, key string, mode fs.FileMode) (a driver.Attr, err error) {
	m, ok := f.d.(driver.Moder)
	if !ok {
		return a, driver.ErrUnsupported
	}
	err = f.do(ctx, "setmode", key, func() error { a, err = m.SetMode(ctx, key, mode); return err })
	return a, err
}

func (f *Faulty) SetOwner(ctx context.Context, key, owner, group string) (a driver.Attr, err error) {
	m, ok := f.d.(driver.Owner)
	if !ok {
		return a, driver.ErrUnsupported
	}
	err = f.do(ctx, "setowner", key, func() error { a, err = m.SetOwner(ctx, key, owner, group); return err })
	return a, err
}

// LocalDir is that of the driver: a script does not change where it lies.
func (f *Faulty) LocalDir() string {
	l, ok := f.d.(driver.Local)
	if !ok {
		return ""
	}
	return l.LocalDir()
}

func (f *Faulty) Create(ctx context.Context, key string, o driver.CreateOptions) (w driver.Writer, err error) {
	err = f.do(ctx, "create", key, func() error { w, err = f.d.Create(ctx, key, o); return err })
	if err != nil {
		return nil, err
	}
	return &faultyWriter{f, ctx, key, w}, nil
}

type faultyWriter struct {
	f   *Faulty
	ctx context.Context
	key string
	w   driver.Writer
}

func (w *faultyWriter) Write(p []byte) (n int, err error) {
	err = w.f.do(w.ctx, "write", w.key, func() error { n, err = w.w.Write(p); return err })
	return n, err
}

func (w *faultyWriter) Commit(ctx context.Context) (a driver.Attr, err error) {
	err = w.f.do(ctx, "commit", w.key, func() error { a, err = w.w.Commit(ctx); return err })
	return a, err
}

func (w *faultyWriter) Abort(ctx context.Context) error {
	return w.f.do(ctx, "abort", w.key, func() error { return w.w.Abort(ctx) })
}

// asDriver shows a portable Store as a driver.
type asDriver struct{ *ufs.Store }

// Driver makes a driver of a portable Store, so that wrappers of drivers wrap it, too. It has every optional ability.
func Driver(s *ufs.Store) driver.Store { return asDriver{s} }

func (d asDriver) List(ctx context.Context, o driver.ListOptions) (driver.Page, error) {
	return d.ListPage(ctx, o)
}

func (d asDriver) Create(ctx context.Context, key string, o driver.CreateOptions) (driver.Writer, error) {
	w, err := d.Store.Create(ctx, key, o)
	if err != nil {
		return nil, err
	}
	return w, nil
}

// DeleteBatch hides that of the Store, which has another shape.
func (d asDriver) DeleteBatch(ctx context.Context, keys []string) (map[string]error, error) {
	return d.Store.DeleteBatch(ctx, keys), nil
}
