package cachefs_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/memufs"
)

// asAnn is on behalf of somebody whose files are hers.
func asAnn(t *testing.T) context.Context {
	return cachefs.WithUser(t.Context(), cachefs.User{Name: "ann", Groups: []string{"staff", "all"}})
}

// overMemory is a node over a store in memory, which is looked at each time.
func overMemory(t *testing.T, caps driver.Caps) (*cachefs.Node, *memufs.Store) {
	m := memufs.New(&memufs.Options{Caps: &caps})
	n, err := cachefs.Open(t.Context(), cachefs.Config{Mounts: []cachefs.MountConfig{{Path: "/m", Store: m.UFS(), Sync: cachefs.SyncAlways}}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	return n, m
}

// TestOwnerReachesTheStore: what is written, or made, for somebody is theirs in a store that has owners, and the blocks of
// it stay good.
func TestOwnerReachesTheStore(t *testing.T) {
	for _, wt := range []cachefs.WriteType{cachefs.CacheThrough, cachefs.Through, cachefs.AsyncThrough} {
		t.Run(fmt.Sprint(wt), func(t *testing.T) {
			n, m := overMemory(t, memufs.Directory())
			ctx := asAnn(t)
			for path, o := range map[string]cachefs.CreateOptions{
				"/m/f": {WriteType: wt}, "/m/g": {WriteType: wt, Mode: 0o640, Owner: "bob", Group: "mill"},
			} {
				w, err := n.Create(ctx, path, &o)
				require.NoError(t, err)
				_, err = w.Write([]byte("bytes"))
				require.NoError(t, err)
				require.NoError(t, w.Close())
				if wt == cachefs.AsyncThrough {
					job, err := n.Persist(ctx, path, nil)
					require.NoError(t, err)
					require.NoError(t, job.Wait(ctx))
				}
			}
			require.NoError(t, n.Mkdir(ctx, "/m/d", nil))
			for key, want := range map[string]ufs.Attr{
				"f": {Owner: "ann", Group: "staff", Mode: 0o644}, "g": {Owner: "bob", Group: "mill", Mode: 0o640}, "d": {Owner: "ann", Group: "staff", Mode: 0o755},
			} {
				a, err := m.UFS().Stat(ctx, key)
				require.NoError(t, err)
				require.Equal(t, want, ufs.Attr{Owner: a.Owner, Group: a.Group, Mode: a.Mode}, key)
				i, err := n.Stat(ctx, "/m/"+key, nil)
				require.NoError(t, err)
				require.Equal(t, []string{want.Owner, want.Group}, []string{i.Owner(), i.Group()}, key)
			}
			before := m.UFS().Metrics().BytesRead
			for _, path := range []string{"/m/f", "/m/g"} {
				require.Equal(t, "bytes", string(readAll(t, n, path)))
			}
			if wt != cachefs.Through {
				require.Equal(t, before, m.UFS().Metrics().BytesRead)
			}
		})
	}
}

// TestOwnerThatCannotBeGiven: the file is there all the same; and a store is not asked for what it has not, or what nobody
// named.
func TestOwnerThatCannotBeGiven(t *testing.T) {
	poor := memufs.Directory()
	poor.Owner = false
	for name, c := range map[string]struct {
		caps driver.Caps
		ctx  context.Context
		asks int
	}{
		"may not":   {memufs.Directory(), asAnn(t), 2},
		"has none":  {poor, asAnn(t), 0},
		"by itself": {memufs.Directory(), t.Context(), 0},
	} {
		t.Run(name, func(t *testing.T) {
			n, m := overMemory(t, c.caps)
			asked := 0
			m.OnCall(func(op, _ string) error {
				if op != "setowner" {
					return nil
				}
				asked++
				return errors.Join(fs.ErrPermission, errors.New("you may not give files away"))
			})
			w, err := n.Create(c.ctx, "/m/f", nil)
			require.NoError(t, err)
			require.NoError(t, w.Close())
			require.NoError(t, n.Mkdir(c.ctx, "/m/d", nil))
			require.Equal(t, c.asks, asked)
		})
	}
}

// TestOwnerRefused: a SetAttr of mode and owner whose owner the store refuses changes neither, there or in the namespace. One that it takes
// has both.
func TestOwnerRefused(t *testing.T) {
	n, m := overMemory(t, memufs.Directory())
	w, err := n.Create(t.Context(), "/m/f", &cachefs.CreateOptions{Mode: 0o640})
	require.NoError(t, err)
	require.NoError(t, w.Close())
	modes := func() [2]fs.FileMode {
		a, err := m.UFS().Stat(t.Context(), "f")
		require.NoError(t, err)
		i, err := n.Stat(t.Context(), "/m/f", nil)
		require.NoError(t, err)
		return [2]fs.FileMode{a.Mode, i.Mode().Perm()}
	}
	mode, owner := fs.FileMode(0o600), "bob"
	o := &cachefs.AttrOptions{Mode: &mode, Owner: &owner}
	m.OnCall(func(op, _ string) error {
		if op == "setowner" {
			return fs.ErrPermission
		}
		return nil
	})
	require.ErrorIs(t, n.SetAttr(t.Context(), "/m/f", o), fs.ErrPermission)
	require.Equal(t, [2]fs.FileMode{0o640, 0o640}, modes())
	m.OnCall(nil)
	require.NoError(t, n.SetAttr(t.Context(), "/m/f", o))
	require.Equal(t, [2]fs.FileMode{0o600, 0o600}, modes())
	a, err := m.UFS().Stat(t.Context(), "f")
	require.NoError(t, err)
	require.Equal(t, "bob", a.Owner)
}

// TestParentsOfCreate: directories that Create makes are the file's owner's in the namespace, where the checks are made; the
// store has made its own. Mkdir gives them in both.
func TestParentsOfCreate(t *testing.T) {
	n, m := overMemory(t, memufs.Directory())
	ctx := asAnn(t)
	bobs := cachefs.CreateOptions{Parents: true, Mode: 0o600, Owner: "bob", Group: "mill"}
	require.NoError(t, writeFile(ctx, n, "/m/p/q/f", []byte("bytes"), bobs))
	require.NoError(t, n.Mkdir(ctx, "/m/d/e", &cachefs.MkdirOptions{Parents: true}))
	ours, anns := ufs.Attr{Owner: "bob", Group: "mill", Mode: 0o755}, ufs.Attr{Owner: "ann", Group: "staff", Mode: 0o755}
	for key, want := range map[string]struct{ here, stored ufs.Attr }{
		"p": {ours, ufs.Attr{Mode: 0o755}}, "p/q": {ours, ufs.Attr{Mode: 0o755}}, "d": {anns, anns}, "d/e": {anns, anns},
	} {
		i, err := n.Stat(ctx, "/m/"+key, nil)
		require.NoError(t, err)
		require.Equal(t, want.here, ufs.Attr{Owner: i.Owner(), Group: i.Group(), Mode: i.Mode().Perm()}, key)
		a, err := m.UFS().Stat(ctx, key)
		require.NoError(t, err)
		require.Equal(t, want.stored, ufs.Attr{Owner: a.Owner, Group: a.Group, Mode: a.Mode}, "%s in the store", key)
	}
}
