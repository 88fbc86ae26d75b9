package cachefs_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/ufs/memufs"
)

// TestStoreThatHangsKeepsNoOtherWaiting: uploads to it are stuck, more than there are workers, and a file of another mount is
// persisted all the same.
func TestStoreThatHangsKeepsNoOtherWaiting(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		stuck, sound := memufs.New(nil), memufs.New(nil)
		release := make(chan struct{})
		stuck.OnCall(func(op, _ string) error {
			if op == "commit" {
				<-release
			}
			return nil
		})
		c := cachefstest.New(t, 1, func(cfg *cachefs.Config) {
			cfg.PersistWorkers = 2
			cfg.Mounts = []cachefs.MountConfig{{Path: "/stuck", Store: stuck.UFS()}, {Path: "/sound", Store: sound.UFS()}}
		})
		n := c.Node()
		async := cachefs.CreateOptions{WriteType: cachefs.AsyncThrough}
		for i := range 5 {
			require.NoError(t, writeFile(t.Context(), n, fmt.Sprintf("/stuck/%d", i), []byte("x"), async))
		}
		synctest.Wait()
		require.NoError(t, writeFile(t.Context(), n, "/sound/f", []byte("y"), async))
		job, err := n.Persist(t.Context(), "/sound/f", nil)
		require.NoError(t, err)
		soon, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err = job.Wait(soon)
		close(release)
		require.NoError(t, err)
		all, err := n.Persist(t.Context(), "/stuck", nil)
		require.NoError(t, err)
		require.NoError(t, all.Wait(t.Context()))
	})
}
