package cachefs_test

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
)

// What the Config says of a mount at a later start is the mount's from then on, also for a start that does not say it:
// it is in the journal.
func TestRemount(t *testing.T) {
	readOnly := false
	var sync time.Duration
	mounted := true
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(dir+"/f", content(1, 100), 0o600))
	c := cachefstest.New(t, 1, func(cfg *cachefs.Config) { cfg.Mounts = []cachefs.MountConfig{{Path: "/m", URL: "file://" + dir}} })
	reopen := func() *cachefs.Node {
		c.Restart(func(cfg *cachefs.Config) {
			cfg.Mounts = nil
			if mounted {
				cfg.Mounts = []cachefs.MountConfig{{Path: "/m", URL: "file://" + dir, ReadOnly: readOnly, Sync: sync}}
			}
		})
		return c.Node()
	}
	check := func(n *cachefs.Node, want bool, age time.Duration) {
		t.Helper()
		list, err := n.Mounts(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, list[0].ReadOnly)
		require.Equal(t, age, list[0].Sync)
		if want {
			for _, call := range []string{"create", "mkdir", "remove", "rename", "setattr"} {
				require.ErrorIs(t, changeBelow(t, n, call), cachefs.ErrReadOnly, call)
			}
			return
		}
		w, err := n.Create(t.Context(), "/m/new", nil)
		require.NoError(t, err)
		require.NoError(t, w.Abort())
	}
	check(c.Node(), false, 0)
	readOnly, sync = true, time.Minute
	check(reopen(), true, time.Minute)
	mounted = false
	check(reopen(), true, time.Minute)
	mounted, readOnly, sync = true, false, cachefs.SyncAlways
	check(reopen(), false, cachefs.SyncAlways)
	require.Equal(t, content(1, 100), readAll(t, c.Node(), "/m/f"))
}

// changeBelow makes one kind of change to /m/f or beside it.
func changeBelow(t *testing.T, n *cachefs.Node, what string) error {
	ctx := t.Context()
	switch what {
	case "create":
		_, err := n.Create(ctx, "/m/new", nil)
		return err
	case "mkdir":
		return n.Mkdir(ctx, "/m/dir", nil)
	case "remove":
		return n.Remove(ctx, "/m/f", nil)
	case "rename":
		return n.Rename(ctx, "/m/f", "/m/g", nil)
	}
	return n.SetAttr(ctx, "/m/f", &cachefs.AttrOptions{Owner: new("ann")})
}
