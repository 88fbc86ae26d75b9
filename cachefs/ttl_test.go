package cachefs_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/tier"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/memufs"
	"github.com/millpond/millpond/ufs/ufstest"
)

// A file that is replaced while the end of its time to live is on its way stays: that was the old one's.
func TestReplacedAtTheEndOfItsLife(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		faulty, err := ufstest.NewFaulty(ufstest.Driver(memufs.New(nil).UFS()), "")
		require.NoError(t, err)
		s, err := ufs.New(faulty, "mem://ttl", &ufs.Options{DisableHedge: true})
		require.NoError(t, err)
		defer s.Close()
		n, err := cachefs.Open(t.Context(), cachefs.Config{Mounts: []cachefs.MountConfig{{Path: "/m", Store: s, Sync: cachefs.SyncAlways}}})
		require.NoError(t, err)
		defer n.Close()
		o := cachefs.CreateOptions{TTL: cachefs.TTL{After: 4500 * time.Millisecond, Action: cachefs.DeleteAtEnd}}
		require.NoError(t, write("/m/f", "1", o)(n))
		w, err := n.Create(t.Context(), "/m/f", &cachefs.CreateOptions{Overwrite: true})
		require.NoError(t, err)
		_, err = w.Write(planned("2"))
		require.NoError(t, err)
		require.NoError(t, faulty.Play("stat delay=1s")) // the end begins with a look
		time.Sleep(5*time.Second + 500*time.Millisecond)
		require.NoError(t, w.Close())
		time.Sleep(time.Minute)
		require.NoError(t, faulty.Play(""))
		require.NoError(t, same(readAll(t, n, "/m/f"), planned("2"), 0))
	})
}

// Files whose end fails, again and again, hold up nobody else's.
func TestEndsThatFail(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		store := memufs.New(nil).UFS()
		for i := range 300 {
			require.NoError(t, putOutside(t.Context(), store, fmt.Sprint("f", i), []byte("x")))
		}
		n, err := cachefs.Open(t.Context(), cachefs.Config{Mounts: []cachefs.MountConfig{{Path: "/m", Store: store, ReadOnly: true}}})
		require.NoError(t, err)
		defer n.Close()
		ttl, end := 5*time.Second, cachefs.DeleteAtEnd
		for i := range 300 {
			require.NoError(t, n.SetAttr(t.Context(), fmt.Sprint("/m/f", i), &cachefs.AttrOptions{TTL: &ttl, TTLAction: &end}))
		}
		for i := range 300 {
			o := cachefs.CreateOptions{TTL: cachefs.TTL{After: 6 * time.Second, Action: end}}
			require.NoError(t, write(fmt.Sprint("/g", i), "", o)(n))
		}
		time.Sleep(8 * time.Second)
		for i := range 300 {
			_, err := n.Stat(t.Context(), fmt.Sprint("/g", i), nil)
			require.ErrorIs(t, err, cachefs.ErrNotExist)
		}
	})
}

// slowStore is how long a store of the scheme slow-open takes to open, before it fails.
var slowStore time.Duration

func init() {
	ufs.Register("slow-open", func(ctx context.Context, u *url.URL) (driver.Store, string, error) {
		if slowStore == 0 {
			return memufs.New(nil), u.String(), nil
		}
		select {
		case <-time.After(slowStore):
			return nil, "", errors.New("it does not answer")
		case <-ctx.Done():
			return nil, "", ctx.Err()
		}
	})
}

// What has lived its time while the node was down is removed from its store, too, though the node is still waiting for the
// store of another mount.
func TestEndOfLifeWhileMountsComeBack(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		store := memufs.New(nil).UFS()
		cfg := cachefs.Config{Dir: "/node", FS: vfs.NewMem(), Mounts: []cachefs.MountConfig{{Path: "/a", URL: "slow-open://a"}, {Path: "/b", Store: store}}}
		n, err := cachefs.Open(t.Context(), cfg)
		require.NoError(t, err)
		o := cachefs.CreateOptions{TTL: cachefs.TTL{After: time.Second, Action: cachefs.DeleteAtEnd}}
		require.NoError(t, write("/b/f", "1", o)(n))
		require.NoError(t, n.Close())
		slowStore = 10 * time.Second
		defer func() { slowStore = 0 }()
		n, err = cachefs.Open(t.Context(), cfg)
		require.NoError(t, err)
		defer n.Close()
		time.Sleep(10 * time.Second)
		_, err = n.Stat(t.Context(), "/b/f", nil)
		require.ErrorIs(t, err, cachefs.ErrNotExist)
		require.Empty(t, storeContent(t, store))
	})
}

// At the end of its life a file with the default action leaves the cache, and stays in its store; what only the cache has
// stays there, and so does what a user pinned.
func TestFreedAtTheEndOfItsLife(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		c := cachefstest.New(t, 1)
		n := c.Node()
		life := cachefs.TTL{After: 3 * time.Second}
		for name, o := range map[string]cachefs.CreateOptions{
			"/mem/stored": {TTL: life}, "/mem/only": {TTL: life, WriteType: cachefs.MustCache}, "/mem/pinned": {TTL: life},
		} {
			require.NoError(t, write(name, "1", o)(n))
		}
		pin := true
		require.NoError(t, n.SetAttr(t.Context(), "/mem/pinned", &cachefs.AttrOptions{Pin: &pin}))
		cached := func() int {
			files := map[tier.FileID]bool{}
			for _, b := range cachefs.Blocks(n) {
				files[b.ID.File()] = true
			}
			return len(files)
		}
		require.Equal(t, 3, cached())
		time.Sleep(2 * time.Second)
		require.Equal(t, 3, cached(), "not yet")
		time.Sleep(3 * time.Second)
		require.Equal(t, 2, cached())
		for _, name := range []string{"/mem/stored", "/mem/only", "/mem/pinned"} {
			info, err := n.Stat(t.Context(), name, nil)
			require.NoError(t, err)
			require.Zero(t, info.TTL().After, "%s: its life has ended, once", name)
			require.NoError(t, same(readAll(t, n, name), planned("1"), 0))
		}
	})
}

// A file whose upload is still to come when its life ends leaves the cache when it is in its store.
func TestLifeEndsBeforeTheUpload(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		n, faulty, _ := brokenNode(t)
		require.NoError(t, faulty.Play("commit fail=unavailable"))
		o := cachefs.CreateOptions{TTL: cachefs.TTL{After: 3 * time.Second}, WriteType: cachefs.AsyncThrough}
		require.NoError(t, write("/mem/f", "1", o)(n))
		time.Sleep(time.Minute)
		require.NotEmpty(t, cachefs.Blocks(n), "it is the only copy")
		require.NoError(t, faulty.Play(""))
		time.Sleep(30 * time.Minute)
		require.Empty(t, cachefs.Blocks(n))
		info, err := n.Stat(t.Context(), "/mem/f", nil)
		require.NoError(t, err)
		require.Zero(t, info.TTL().After)
		require.NoError(t, same(readAll(t, n, "/mem/f"), planned("1"), 0))
	})
}
