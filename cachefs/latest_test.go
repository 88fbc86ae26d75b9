package cachefs_test

import (
	"fmt"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/bubbletest"
)

// A change at one node meets what was acknowledged at another just before: its replica may be older, its answer is not.
func TestChangesMeetWhatWasAcknowledged(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		r, _ := openMesh(t, 3)
		node := func(i int) *cachefs.Node { return r.nodes[i%len(r.nodes)] }
		for i := range 30 {
			dir := fmt.Sprintf("/d%d", i)
			require.NoError(t, node(i).Mkdir(t.Context(), dir, nil))
			require.ErrorIs(t, node(i+1).Mkdir(t.Context(), dir, nil), cachefs.ErrExist)
			require.NoError(t, write(dir+"/f", "1", cachefs.CreateOptions{})(node(i+2)))
			require.ErrorIs(t, node(i).Remove(t.Context(), dir, nil), cachefs.ErrNotEmpty)
			require.NoError(t, node(i+1).Rename(t.Context(), dir+"/f", dir+"/g", nil))
			require.NoError(t, write(dir+"/g", "2", cachefs.CreateOptions{Append: true})(node(i)))
			require.Equal(t, append(planned("1"), planned("2")...), readAll(t, node(i), dir+"/g"))
			mode := cachefs.AttrOptions{Mode: new(fs.FileMode(0o700))}
			require.NoError(t, node(i+2).SetAttr(t.Context(), dir+"/g", &mode))
			require.NoError(t, node(i).Remove(t.Context(), dir, &cachefs.RemoveOptions{Recursive: true}))
			require.NoError(t, node(i+1).Mkdir(t.Context(), dir, &cachefs.MkdirOptions{Parents: true}), "made again, not found there")
			_, err := node(i+1).Stat(t.Context(), dir, nil)
			require.NoError(t, err, "a node's own change")
		}
	})
}
