package cachefs_test

import (
	"bytes"
	"context"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/tier"
	"github.com/millpond/millpond/ufs/objects/objectstest"
)

// room is what fillUp leaves of the 256 KiB of a node: half a block.
const room = 32 << 10

// fillUp takes what a node has but room, with what may not be evicted.
func fillUp(ctx context.Context, n *cachefs.Node) error {
	p := randomBytes(256<<10 - room)
	return copyFile(ctx, n, "/fill", p, cachefs.CreateOptions{Size: int64(len(p)), ReplicasMin: 1})
}

// copyFile writes a file with io.Copy, which has it read straight into blocks.
func copyFile(ctx context.Context, n *cachefs.Node, path string, p []byte, o cachefs.CreateOptions) error {
	w, err := n.Create(ctx, path, &o)
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, struct{ io.Reader }{bytes.NewReader(p)}); err != nil {
		return err
	}
	return w.Close()
}

// longer are lengths of files of which room was announced: as many bytes, one more, into the next block, and whole blocks.
var longer = []int{room, room + 1, 64<<10 + 1, 192 << 10, 200_000}

// TestLongerThanAnnounced: a file that goes on after CreateOptions.Size on a node that has no room for more has each of its bytes, in
// the store or on others, or is refused.
func TestLongerThanAnnounced(t *testing.T) {
	for name, how := range map[string]cachefs.WriteType{
		"MustCache": cachefs.MustCache, "AsyncThrough": cachefs.AsyncThrough, "CacheThrough": cachefs.CacheThrough, "Through": cachefs.Through,
	} {
		t.Run(name, func(t *testing.T) {
			for _, size := range longer {
				n, store := lendingNode(t, objectstest.Options{}, tier.Config{Kind: tier.Memory, Size: 256 << 10})
				require.NoError(t, fillUp(t.Context(), n))
				want := randomBytes(size)
				err := copyFile(t.Context(), n, "/b/f", want, cachefs.CreateOptions{WriteType: how, Size: room})
				if how == cachefs.MustCache && size > room {
					require.ErrorIs(t, err, cachefs.ErrNoSpace, "%d bytes", size)
					continue
				}
				require.NoError(t, err, "%d bytes", size)
				require.NoError(t, same(readAll(t, n, "/b/f"), want, 0), "%d bytes", size)
				if how == cachefs.CacheThrough || how == cachefs.Through {
					got := make([]byte, size+1)
					k, err := store.ReadAt(t.Context(), "f", "", got, 0)
					require.ErrorIs(t, err, io.EOF)
					require.NoError(t, same(got[:k], want, 0), "%d bytes", size)
				}
			}
		})
	}
	t.Run("others have room", func(t *testing.T) {
		overSeveral(t, 3, tiny(false, "a"), func(s *several) {
			a := s.nodes["a"]
			require.NoError(s, fillUp(s.Context(), a))
			for path, how := range map[string]cachefs.WriteType{"/f": cachefs.MustCache, "/m/f": cachefs.AsyncThrough} {
				for _, size := range longer {
					want := randomBytes(size)
					require.NoError(s, copyFile(s.Context(), a, path, want, cachefs.CreateOptions{WriteType: how, Size: room, Overwrite: true}))
					require.NoError(s, same(readAll(s.T, a, path), want, 0), "%s of %d bytes", path, size)
					if how == cachefs.AsyncThrough {
						time.Sleep(time.Minute)
						s.requireStored("f", want)
					}
					require.NoError(s, a.Remove(s.Context(), path, nil))
				}
			}
		})
	})
}
