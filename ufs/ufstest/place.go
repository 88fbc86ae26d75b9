package ufstest

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"path"
	"slices"
	"sync"
	"testing"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/stretchr/testify/require"
)

// place is the store that one item works on, with the verbs that items are written in. A verb that does not come true
// ends the item.
type place struct {
	testing.TB
	h   Harness
	s   *ufs.Store
	ctx context.Context
}

func sorted(items []item) []item {
	slices.SortFunc(items, func(a, b item) int { return cmp.Compare(a.n, b.n) })
	return items
}

// need skips the item unless the store has a capability.
func (p *place) need(has bool, capability string) {
	if !has {
		p.Skip("Caps." + capability)
	}
}

func (p *place) needWrites() { p.need(!p.s.Caps().ReadOnly, "ReadOnly") }
func (p *place) needLists()  { p.need(!p.s.Caps().NoList, "NoList") }

// second is another handle to the place.
func (p *place) second() *ufs.Store {
	if p.h.Second == nil {
		return p.s
	}
	return p.h.Second(p.TB, p.s)
}

// write creates a file through s, with its parents.
func (p *place) write(s *ufs.Store, key string, data []byte, o ufs.CreateOptions) (ufs.Attr, error) {
	w, err := s.Create(p.ctx, key, o)
	if err != nil {
		return ufs.Attr{}, err
	}
	if _, err := w.Write(data); err != nil {
		w.Abort(p.ctx)
		return ufs.Attr{}, err
	}
	a, err := w.Commit(p.ctx)
	if err != nil {
		w.Abort(p.ctx)
	}
	return a, err
}

func (p *place) put1(key string, data []byte) error {
	if p.s.Caps().ReadOnly {
		if p.h.PutRaw == nil {
			p.Skip("Harness.PutRaw")
		}
		p.h.PutRaw(p.TB, p.s, key, data)
		return nil
	}
	_, err := p.write(p.s, key, data, ufs.CreateOptions{Parents: true, Size: int64(len(data))})
	return err
}

// put makes a file and its parents.
func (p *place) put(key string, data []byte) {
	p.Helper()
	require.NoError(p, p.put1(key, data), "create %q", key)
}

// putRaw makes a file the way a stranger does who knows no directories.
func (p *place) putRaw(key string, data []byte) {
	p.Helper()
	if p.h.PutRaw != nil {
		p.h.PutRaw(p.TB, p.s, key, data)
		return
	}
	if !p.s.Caps().Directories {
		p.Skip("Harness.PutRaw")
	}
	p.put(key, data)
}

func (p *place) mkdir(key string) {
	p.Helper()
	require.NoError(p, p.s.Mkdir(p.ctx, key, true, 0o755), "mkdir %q", key)
}

// crowd is how many calls each does at a time: enough to hide a network, few enough for a laptop's emulator.
const crowd = 16

// each calls f for 0..n-1, crowd at a time.
func (p *place) each(n int, f func(i int) error) {
	p.Helper()
	var wg sync.WaitGroup
	errs := make([]error, n)
	for w := range crowd {
		wg.Go(func() {
			for i := w; i < n; i += crowd {
				errs[i] = f(i)
			}
		})
	}
	wg.Wait()
	for i, err := range errs {
		require.NoError(p, err, "%d of %d", i, n)
	}
}

// fill makes files dir/prefix000.. and returns their keys.
func (p *place) fill(dir, prefix string, n int) []string {
	p.Helper()
	keys := make([]string, n)
	for i := range keys {
		keys[i] = path.Join(dir, fmt.Sprintf("%s%04d", prefix, i))
	}
	p.put(keys[0], []byte(keys[0])) // the parents, once
	p.each(n-1, func(i int) error { return p.put1(keys[i+1], []byte(keys[i+1])) })
	return keys
}

// get reads a whole file.
func (p *place) get(key string) []byte {
	p.Helper()
	b, err := read(p.ctx, p.s, key, 0, -1, "")
	require.NoError(p, err, "read %q", key)
	return b
}

// read reads a range through Open.
func read(ctx context.Context, s *ufs.Store, key string, off, n int64, version string) ([]byte, error) {
	rc, _, err := s.Open(ctx, key, off, n, version)
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	return io.ReadAll(rc)
}

// holds asserts a file's content, shortly.
func (p *place) holds(key string, want []byte) {
	p.Helper()
	same(p, want, p.get(key), key)
}

// same asserts equal bytes without printing megabytes.
func same(t require.TestingT, want, got []byte, what string) {
	if h, ok := t.(interface{ Helper() }); ok {
		h.Helper()
	}
	require.Equal(t, len(want), len(got), "length of %q", what)
	for i := range want {
		if want[i] != got[i] {
			require.Failf(t, "bytes differ", "%q at %d: want %d, got %d", what, i, want[i], got[i])
		}
	}
}

func (p *place) stat(key string) ufs.Attr {
	p.Helper()
	a, err := p.s.Stat(p.ctx, key)
	require.NoError(p, err, "stat %q", key)
	require.Equal(p, key, a.Key)
	return a
}

func (p *place) isFile(key string) {
	p.Helper()
	require.False(p, p.stat(key).Dir, "%q is a directory", key)
}

func (p *place) isDir(key string) {
	p.Helper()
	require.True(p, p.stat(key).Dir, "%q is a file", key)
}

func (p *place) missing(key string) {
	p.Helper()
	_, err := p.s.Stat(p.ctx, key)
	require.ErrorIs(p, err, driver.ErrNotExist, "stat %q", key)
}

// clean asserts that unfinished writes left nothing.
func (p *place) clean() {
	p.Helper()
	if p.h.Leftovers != nil {
		require.Zero(p, p.h.Leftovers(p.TB, p.s), "leftovers of unfinished writes")
	}
}
