package objects

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/millpond/millpond/ufs/driver"
)

// New makes directories over what is in b below prefix, which is one that [Prefix] made. The store owns b: its Close
// closes it.
func New(b Bucket, prefix string) driver.Store { return &store{b: b, prefix: prefix} }

type store struct {
	b      Bucket
	prefix string // "" or with "/" at its end
}

func (s *store) Caps() driver.Caps {
	f := s.b.Features()
	_, deletes := s.versionDeleter()
	return driver.Caps{
		AtomicReplace: true, IfAbsent: f.IfAbsent, IfVersion: f.IfVersion, ReplaceVersion: f.ReplaceVersion, EventualList: f.EventualList,
		DeleteVersion: deletes, Copy: f.Copy, BatchDelete: f.BatchDelete, PageSize: f.PageSize,
	}
}

func (s *store) Close() error { return s.b.Close() }

func file(key string, o Object) driver.Attr {
	return driver.Attr{Key: key, Size: o.Size, ModTime: o.ModTime, Version: o.Version}
}

// Stat looks for the file first: there are more of them.
func (s *store) Stat(ctx context.Context, key string) (driver.Attr, error) {
	if key == "" {
		_, err := s.first(ctx, "", 1)
		return driver.Attr{Dir: true}, err
	}
	name, err := s.name(key)
	if err != nil {
		return driver.Attr{}, err
	}
	o, err := s.b.Head(ctx, name)
	if err == nil {
		return file(key, o), nil
	}
	if !errors.Is(err, driver.ErrNotExist) {
		return driver.Attr{}, err
	}
	return s.statDir(ctx, key)
}

func (s *store) statDir(ctx context.Context, key string) (driver.Attr, error) {
	names, err := s.first(ctx, key, 1)
	if err != nil {
		return driver.Attr{}, err
	}
	if len(names) == 0 {
		return driver.Attr{}, fmt.Errorf("no object %q and none below: %w", s.prefix+key, driver.ErrNotExist)
	}
	a := driver.Attr{Key: key, Dir: true}
	if names[0].Name == s.prefix+key+"/" {
		a.ModTime = names[0].ModTime
	}
	return a, nil
}

// first are the first n objects in a directory, its marker among them, however deep they lie.
func (s *store) first(ctx context.Context, key string, n int) ([]Object, error) {
	dir, err := s.dir(key)
	if err != nil {
		return nil, err
	}
	q := Query{Prefix: dir, Limit: n}
	for {
		a, err := s.b.List(ctx, q)
		if err != nil || len(a.Objects) > 0 || a.Token == "" {
			return a.Objects, err
		}
		q.Token = a.Token // a store may answer a page of nothing and go on
	}
}

// deleteTries is how often Delete looks again at an object that is replaced between the look and the deletion.
const deleteTries = 3

// Delete looks before it deletes: a store does not say whether there was an object. Where it takes a condition, what was seen is
// deleted and nothing else: a request that arrives when its caller has long given it up takes nothing that was written since. A store
// that refuses what it says itself has no use for conditions.
func (s *store) Delete(ctx context.Context, key string) error {
	name, err := s.name(key)
	if err != nil {
		return err
	}
	seen := ""
	for range deleteTries {
		var o Object
		if o, err = s.b.Head(ctx, name); err != nil {
			break
		}
		d, ok := s.b.(VersionDeleter)
		if !ok || o.Version == seen {
			return s.b.Delete(ctx, name)
		}
		seen = o.Version
		if err = d.DeleteVersion(ctx, name, o.Version); !errors.Is(err, driver.ErrChanged) {
			return err
		}
	}
	if !errors.Is(err, driver.ErrNotExist) {
		return err
	}
	return s.deleteDir(ctx, key)
}

func (s *store) versionDeleter() (VersionDeleter, bool) {
	d, ok := s.b.(VersionDeleter)
	return d, ok && s.b.Features().DeleteVersion
}

// DeleteVersion is that of the bucket, which may take what is gone for changed.
func (s *store) DeleteVersion(ctx context.Context, key, version string) error {
	name, err := s.name(key)
	if err != nil {
		return err
	}
	d, ok := s.versionDeleter()
	if !ok {
		return driver.ErrUnsupported
	}
	err = d.DeleteVersion(ctx, name, version)
	if errors.Is(err, driver.ErrChanged) {
		if _, e := s.b.Head(ctx, name); errors.Is(e, driver.ErrNotExist) {
			return e
		}
	}
	return err
}

func (s *store) deleteDir(ctx context.Context, key string) error {
	marker := s.prefix + key + "/"
	names, err := s.first(ctx, key, 2)
	switch {
	case err != nil:
		return err
	case len(names) == 0:
		return driver.ErrNotExist
	case len(names) > 1 || names[0].Name != marker:
		return driver.ErrNotEmpty
	}
	return s.b.Delete(ctx, marker)
}

func (s *store) DeleteBatch(ctx context.Context, keys []string) (map[string]error, error) {
	b, ok := s.b.(BatchDeleter)
	if !ok {
		return nil, driver.ErrUnsupported
	}
	names := make([]string, len(keys))
	for i, key := range keys {
		name, err := s.name(key)
		if err != nil {
			return nil, err
		}
		names[i] = name
	}
	failed, err := b.DeleteBatch(ctx, names)
	if len(failed) == 0 {
		return nil, err
	}
	byKey := make(map[string]error, len(failed))
	for name, e := range failed {
		byKey[name[len(s.prefix):]] = e
	}
	return byKey, err
}

// Mkdir makes a marker, and with parents one for each missing directory above: what was made so does not go with its
// last file.
func (s *store) Mkdir(ctx context.Context, key string, parents bool, _ fs.FileMode) error {
	if key == "" {
		if parents {
			return nil
		}
		return driver.ErrExist
	}
	a, err := s.Stat(ctx, key)
	switch {
	case err == nil && a.Dir && parents:
		return nil
	case err == nil:
		return driver.ErrExist
	case !errors.Is(err, driver.ErrNotExist):
		return err
	}
	if up := path.Dir(key); parents && up != "." {
		err := s.Mkdir(ctx, up, true, 0)
		if errors.Is(err, driver.ErrExist) {
			return fmt.Errorf("%q: %w", up, driver.ErrNotDir)
		}
		if err != nil {
			return err
		}
	}
	return s.mark(ctx, s.prefix+key+"/")
}

// mark makes a marker. One that is there already is as good.
func (s *store) mark(ctx context.Context, name string) error {
	u, err := s.b.Put(ctx, name, PutOptions{})
	if err != nil {
		return err
	}
	_, err = u.Commit(ctx)
	return err
}

func (s *store) Copy(ctx context.Context, from, to, version string) (driver.Attr, error) {
	c, ok := s.b.(Copier)
	if !ok {
		return driver.Attr{}, driver.ErrUnsupported
	}
	src, err := s.name(from)
	if err != nil {
		return driver.Attr{}, err
	}
	dst, err := s.name(to)
	if err != nil {
		return driver.Attr{}, err
	}
	o, err := c.Copy(ctx, src, dst, version)
	if err != nil {
		return driver.Attr{}, err
	}
	return file(to, o), nil
}
