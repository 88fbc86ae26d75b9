package cachefs_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/memufs"
	"github.com/millpond/millpond/ufs/ufstest"
)

// TestBackupOverAFaultyStore has each call of the place's store fail, one after the other, at the end of a node and at the beginning of the
// next: what a Shutdown without an error had is there, and what was in the backup before in any case.
func TestBackupOverAFaultyStore(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		ctx, refused, failed := t.Context(), 0, 0
		for _, how := range []string{"nth=%d fail=other", "nth=%d- fail=other", "nth=%d done fail=reset"} {
			for at, hit := 1, true; hit; at++ {
				f, err := ufstest.NewFaulty(memufs.New(nil), "")
				require.NoError(t, err)
				s, err := ufs.New(f, "faulty://s", &ufs.Options{Attempts: 1, DisableHedge: true})
				require.NoError(t, err)
				cfg := cachefs.Config{Backup: &cachefs.BackupConfig{Store: s}}
				n, err := cachefs.Open(ctx, cfg)
				require.NoError(t, err)
				require.NoError(t, n.Mkdir(ctx, "/before", nil))
				require.NoError(t, n.Backup(ctx, nil))
				require.NoError(t, n.Mkdir(ctx, "/after", nil))
				calls := len(f.Log())
				require.NoError(t, f.Play("* "+fmt.Sprintf(how, at)))
				ended := n.Close()
				if ended != nil {
					failed++
					require.ErrorContains(t, ended, "the last changes are in no backup")
				}
				if n, err = cachefs.Open(ctx, cfg); err != nil {
					refused++
				}
				hit = len(f.Log())-calls >= at
				require.NoError(t, f.Play(""))
				if err != nil {
					n, err = cachefs.Open(ctx, cfg)
				}
				require.NoError(t, err, how, at)
				_, err = n.Stat(ctx, "/before", nil)
				require.NoError(t, err, how, at)
				if _, err = n.Stat(ctx, "/after", nil); ended == nil {
					require.NoError(t, err, how, at)
				}
				require.NoError(t, n.Mkdir(ctx, "/goes on", nil))
				require.NoError(t, n.Close())
			}
		}
		require.NotZero(t, failed)
		require.NotZero(t, refused)
	})
}

// TestDamagedBackup: the one before is taken, and an event says so; if there is none the node does not begin without.
func TestDamagedBackup(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		k := newKept(t)
		c := k.mesh(1, false)
		require.NoError(t, c.Node().Mkdir(t.Context(), "/older", nil))
		require.NoError(t, c.Node().Backup(t.Context(), nil))
		require.NoError(t, c.Node().Mkdir(t.Context(), "/newer", nil))
		k.stopAll(c)
		spoil := func() {
			list := k.keys()
			for i := len(list) - 1; i >= 0; i-- {
				if strings.HasSuffix(list[i], ".ckpt") {
					w, err := k.place.Create(t.Context(), list[i], ufs.CreateOptions{})
					require.NoError(t, err)
					_, err = w.Commit(t.Context())
					require.NoError(t, err)
					return
				}
			}
		}
		spoil()
		c = k.mesh(1, false)
		_, err := c.Node().Stat(t.Context(), "/older", nil)
		require.NoError(t, err)
		_, err = c.Node().Stat(t.Context(), "/newer", nil)
		require.ErrorIs(t, err, cachefs.ErrNotExist)
		damaged := of(k.events, &k.events.damaged)
		require.Len(t, damaged, 1)
		require.ErrorContains(t, damaged[0].Err, "do not have their checksum")
		require.Len(t, of(k.events, &k.events.restored), 1)
		c.Crash(0)
		for _, key := range k.keys() {
			if strings.HasSuffix(key, ".ckpt") {
				require.NoError(t, k.place.Delete(t.Context(), key))
			}
		}
		_, err = cachefs.Open(t.Context(), cachefs.Config{Backup: &cachefs.BackupConfig{Store: k.place}})
		require.ErrorContains(t, err, "no backup in")
	})
}
