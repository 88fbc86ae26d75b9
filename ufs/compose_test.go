package ufs_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/memufs"
	"github.com/millpond/millpond/ufs/objects"
	"github.com/millpond/millpond/ufs/objects/objectstest"
)

// simple are stores that lack what is composed here: one with real directories, one with a copy of its own and batches.
var simple = map[string]func() driver.Store{
	"directories": func() driver.Store {
		return newPoor(memufs.New(nil), func(c *driver.Caps) { c.Rename, c.RenameDir, c.Copy, c.DeleteVersion = false, false, false, false })
	},
	"files are moved": func() driver.Store {
		return newPoor(memufs.New(nil), func(c *driver.Caps) { c.RenameDir = false })
	},
	"objects that are deleted without a condition": func() driver.Store {
		return objects.New(objectstest.New(&objectstest.Options{PageSize: 7, Lacks: objects.Features{DeleteVersion: true}}), "place/")
	},
	"objects": func() driver.Store { return objects.New(objectstest.New(&objectstest.Options{PageSize: 7}), "place/") },
}

// once makes each call once.
var once = ufs.Options{Attempts: 1, DisableBreaker: true}

// crashes runs do over fresh stores in which it is cut off at each call of the driver: before the call, and after it,
// when its answer is lost. after sees what is left, with the store working again.
func crashes(t *testing.T, kind string, prepare func(w *world), do func(w *world) error, after func(w *world)) {
	t.Helper()
	for n := 1; ; n++ {
		done := false
		for _, script := range []string{"* nth=%d- fail=reset", "* nth=%d done fail=reset\n* nth=%d- fail=reset"} {
			over(t, once, simple[kind], func(w *world) {
				prepare(w)
				if strings.Count(script, "%d") == 1 {
					script = fmt.Sprintf(script, n)
				} else {
					script = fmt.Sprintf(script, n, n+1)
				}
				w.play(script)
				calls := 0
				calls = len(w.made(func() { do(w) }))
				done = calls < n
				w.play("")
				after(w)
			})
		}
		if done {
			require.Greater(t, n, 3, "calls that were cut off")
			return
		}
		require.Less(t, n, 500)
	}
}

// either asserts that a file is whole under at least one of two names, and in pieces under none.
func (w *world) either(from, to string, want, replaced []byte) {
	w.Helper()
	whole := 0
	for _, key := range []string{from, to} {
		got, err := w.content(key)
		switch {
		case errors.Is(err, driver.ErrNotExist):
		case err == nil && bytes.Equal(got, want):
			whole++
		default:
			require.NoError(w, err)
			require.True(w, key == to && replaced != nil && bytes.Equal(got, replaced), "%q has %d bytes", key, len(got))
		}
	}
	require.Positive(w, whole, "neither %q nor %q", from, to)
}

func TestRenameFileCrashes(t *testing.T) {
	for kind := range simple {
		for _, replaced := range [][]byte{nil, []byte("old")} {
			data := pattern(3000)
			prepare := func(w *world) {
				w.put("from", data)
				if replaced != nil {
					w.put("to", replaced)
				}
			}
			if kind == "files are moved" {
				continue // one step of the driver
			}
			crashes(t, kind, prepare, func(w *world) error {
				_, err := w.s.Rename(w.Context(), "from", "to", replaced != nil)
				if got, e := w.content("to"); err != nil && e == nil && bytes.Equal(got, data) {
					_, unknown := errors.AsType[*driver.Unknown](err)
					require.True(w, unknown, "the copy shows: %v", err)
				}
				return err
			}, func(w *world) {
				w.either("from", "to", data, replaced)
				if _, err := w.content("from"); err == nil { // done again it comes to its end
					_, err := w.s.Rename(w.Context(), "from", "to", true)
					require.NoError(w, err)
				}
				w.holds("from", nil)
				w.holds("to", data)
			})
		}
	}
}

// tree is files and an empty directory.
var tree = []string{"a", "b/c", "b/d/e", "b/d/f", "g/h"}

func (w *world) plant(root string) {
	for _, key := range tree {
		w.put(root+"/"+key, []byte(key))
	}
	require.NoError(w, w.d.(driver.Mkdirer).Mkdir(w.Context(), root+"/empty", true, 0o755))
}

func TestRenameDirCrashes(t *testing.T) {
	for kind := range simple {
		crashes(t, kind, func(w *world) { w.plant("from") }, func(w *world) error {
			_, err := w.s.Rename(w.Context(), "from", "to", false)
			if _, e := w.d.Stat(w.Context(), "to"); err != nil && e == nil {
				_, unknown := errors.AsType[*driver.Unknown](err)
				require.True(w, unknown, "the new name shows: %v", err)
			}
			return err
		}, func(w *world) {
			for _, key := range tree {
				w.either("from/"+key, "to/"+key, []byte(key), nil)
			}
			if _, err := w.d.Stat(w.Context(), "from"); err == nil {
				_, err := w.s.Rename(w.Context(), "from", "to", true)
				require.NoError(w, err)
			}
			for _, key := range tree {
				w.holds("from/"+key, nil)
				w.holds("to/"+key, []byte(key))
			}
			_, err := w.d.Stat(w.Context(), "from")
			require.ErrorIs(w, err, driver.ErrNotExist)
			a, err := w.d.Stat(w.Context(), "to/empty")
			require.NoError(w, err)
			require.True(w, a.Dir)
		})
	}
}

// TestRenameNotOurs: what replaced the source while it was copied stays, and the copy goes.
func TestRenameNotOurs(t *testing.T) {
	for kind, make := range simple {
		if kind == "files are moved" {
			continue
		}
		over(t, once, func() driver.Store { return &meddling{Store: make()} }, func(w *world) {
			w.put("from", []byte("first"))
			m := w.d.(*meddling)
			m.meddle = func() { w.put("from", []byte("second")) }
			_, err := w.s.Rename(w.Context(), "from", "to", false)
			require.ErrorIs(w, err, driver.ErrChanged, kind)
			w.holds("from", []byte("second"))
			w.holds("to", nil)
		})
	}
}

// meddling lets somebody in once a copy shows: with the look at the source before that is deleted, or right before a conditional deletion.
type meddling struct {
	driver.Store
	meddle func()
}

func (m *meddling) once() {
	if f := m.meddle; f != nil {
		m.meddle = nil
		f()
	}
}

func (m *meddling) Stat(ctx context.Context, key string) (driver.Attr, error) {
	a, err := m.Store.Stat(ctx, key)
	if key == "from" && m.meddle != nil {
		if _, e := m.Store.Stat(ctx, "to"); e == nil {
			m.once()
			return m.Store.Stat(ctx, key)
		}
	}
	return a, err
}

func (m *meddling) DeleteVersion(ctx context.Context, key, version string) error {
	if key == "from" {
		m.once()
	}
	return m.Store.(driver.VersionDeleter).DeleteVersion(ctx, key, version)
}

func (m *meddling) Copy(ctx context.Context, from, to, version string) (driver.Attr, error) {
	return m.Store.(driver.Copier).Copy(ctx, from, to, version)
}

// TestRenameSaysWhatTheBytesWere: a copy's version is another one, of the same bytes.
func TestRenameSaysWhatTheBytesWere(t *testing.T) {
	for kind, make := range simple {
		over(t, once, make, func(w *world) {
			w.put("from", []byte("x"))
			v := w.version("from")
			a, err := w.s.Rename(w.Context(), "from", "to", false)
			require.NoError(w, err)
			require.True(w, a.Is(v), "%s: %+v", kind, a)
			require.Equal(w, w.version("to"), a.Version)
		})
	}
}

func TestRenameRefuses(t *testing.T) {
	for kind, make := range simple {
		over(t, once, make, func(w *world) {
			w.plant("dir")
			w.put("f", []byte("f"))
			w.put("g", []byte("g"))
			for _, c := range []struct {
				from, to  string
				overwrite bool
				want      error
			}{
				{"f", "g", false, driver.ErrExist}, {"f", "dir", true, driver.ErrExist}, {"f", "dir", false, driver.ErrExist},
				{"dir", "g", true, driver.ErrExist}, {"dir", "dir/b/x", true, driver.ErrInvalid}, {"no", "x", false, driver.ErrNotExist},
				{"", "x", false, driver.ErrInvalid}, {"f", "", true, driver.ErrInvalid},
			} {
				_, err := w.s.Rename(w.Context(), c.from, c.to, c.overwrite)
				require.ErrorIs(w, err, c.want, "%s: %q to %q", kind, c.from, c.to)
			}
			w.holds("f", []byte("f"))
			w.holds("g", []byte("g"))
			require.NoError(w, errors.Join(func() error { _, err := w.s.Rename(w.Context(), "f", "f", false); return err }()), "onto itself")
			w.holds("f", []byte("f"))
		})
	}
	bubble(t, once, func(c *driver.Caps) { c.ReadOnly = true }, func(w *world) {
		_, err := w.s.Rename(w.Context(), "f", "g", true)
		require.ErrorIs(w, err, driver.ErrReadOnly)
	})
	bubble(t, once, func(c *driver.Caps) { c.RenameDir, c.NoList = false, true }, func(w *world) {
		w.plant("dir")
		_, err := w.s.Rename(w.Context(), "dir", "to", true)
		require.ErrorIs(w, err, driver.ErrUnsupported)
	})
}

func TestCopy(t *testing.T) {
	for kind, make := range simple {
		over(t, once, make, func(w *world) {
			ctx, data := w.Context(), pattern(700_000)
			w.put("from", data)
			w.put("to", []byte("old"))
			v := w.version("from")
			a, err := w.s.Copy(ctx, "from", "to", v)
			require.NoError(w, err, kind)
			require.Equal(w, "to", a.Key)
			require.Equal(w, w.version("to"), a.Version)
			w.holds("from", data)
			w.holds("to", data)
			_, err = w.s.Copy(ctx, "from", "other", "v0")
			require.ErrorIs(w, err, driver.ErrChanged)
			_, err = w.s.Copy(ctx, "no", "other", "")
			require.ErrorIs(w, err, driver.ErrNotExist)
			w.holds("other", nil)
		})
	}
}

// TestCopyManyThroughOnePlace: copies that pass through us need one place each, whatever they do.
func TestCopyManyThroughOnePlace(t *testing.T) {
	o := once
	o.MaxCalls = 1
	over(t, o, simple["directories"], func(w *world) {
		w.plant("from")
		_, err := w.s.Rename(w.Context(), "from", "to", false)
		require.NoError(w, err)
		w.holds("to/b/d/e", []byte("b/d/e"))
	})
}

func TestCopyCrashes(t *testing.T) {
	data := pattern(3000)
	crashes(t, "directories", func(w *world) { w.put("from", data) }, func(w *world) error {
		_, err := w.s.Copy(w.Context(), "from", "to", "")
		return err
	}, func(w *world) {
		w.holds("from", data)
		if got, err := w.content("to"); err == nil {
			require.True(w, bytes.Equal(data, got), "a copy is whole or not there")
		}
	})
}
