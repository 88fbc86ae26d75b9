package cachefs_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/journal"
)

// TestRecover: two of three nodes are lost for good. The last one shows the tree, takes no changes, and takes them again once a person has said
// who is lost.
func TestRecover(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		c := cachefstest.New(t, 3, func(cfg *cachefs.Config) { cfg.Permissions = true })
		left := c.Nodes[2]
		require.NoError(t, c.Nodes[0].Mkdir(t.Context(), "/before", nil))
		_, err := left.Stat(t.Context(), "/before", &cachefs.StatOptions{Consistent: true})
		require.NoError(t, err)
		time.Sleep(10 * time.Second) // all three vote
		lost := []string{c.Nodes[0].ID(), c.Nodes[1].ID()}
		_, err = left.Recover(t.Context(), lost)
		require.ErrorIs(t, err, journal.ErrNotLost, "they live")

		c.Crash(0)
		c.Crash(1)
		soon, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		require.Error(t, left.Mkdir(soon, "/meanwhile", nil))
		_, err = left.Recover(cachefs.WithUser(t.Context(), cachefs.User{Name: "somebody"}), lost)
		require.ErrorIs(t, err, cachefs.ErrPermission)
		r, err := left.Recover(t.Context(), lost)
		require.NoError(t, err)
		require.Equal(t, left.ID(), r.From)
		require.NoError(t, left.Mkdir(t.Context(), "/after", nil))
		_, err = left.Stat(t.Context(), "/before", nil)
		require.NoError(t, err)

		require.NoError(t, left.Close())
		_, err = left.Recover(t.Context(), lost)
		require.ErrorIs(t, err, cachefs.ErrClosed)
	})
}
