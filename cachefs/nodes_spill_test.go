package cachefs_test

import (
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/tier"
)

// tiny gives some nodes 256 KiB of memory, and a disk of as much if they are to have one.
func tiny(disk bool, ids ...string) func(id string, cfg *cachefs.Config) {
	return func(id string, cfg *cachefs.Config) {
		for _, small := range ids {
			if id != small {
				continue
			}
			cfg.Tiers = []tier.Config{{Kind: tier.Memory, Size: 256 << 10}}
			if disk {
				cfg.Tiers = append(cfg.Tiers, tier.Config{Kind: tier.SSD, Dirs: []tier.Dir{{Path: "/node/ssd", Quota: 512 << 10}}})
			}
		}
	}
}

// randomBytes are size bytes that are always the same.
func randomBytes(size int) []byte {
	p := make([]byte, size)
	rand.NewChaCha8([32]byte{1}).Read(p)
	return p
}

// stuff leaves no room on nodes of 256 KiB.
func (s *several) stuff(ids ...string) {
	s.Helper()
	for _, id := range ids {
		full := cachefs.CreateOptions{Size: 256 << 10, ReplicasMin: 1}
		require.NoError(s, copyFile(s.Context(), s.nodes[id], "/full-"+id, randomBytes(256<<10), full))
	}
}

// heldBlocks is how many blocks of a node may not be evicted.
func heldBlocks(n *cachefs.Node) int {
	ids := map[tier.BlockID]bool{}
	for _, b := range cachefs.Blocks(n) {
		if b.Held {
			ids[b.ID] = true
		}
	}
	return len(ids)
}

// requireStored checks what the store has.
func (s *several) requireStored(key string, want []byte) {
	s.Helper()
	got := make([]byte, len(want)+1)
	n, err := s.ufs.ReadAt(s.Context(), key, "", got, 0)
	require.ErrorIs(s, err, io.EOF)
	require.NoError(s, same(got[:n], want, 0))
}

// TestSpillToAPeer: a node whose tiers are full of what must stay writes on into those of another, which is the file's home then, with
// as many more as it wants. What the writer's node has of it may be evicted.
func TestSpillToAPeer(t *testing.T) {
	for name, disk := range map[string]bool{"memory": false, "memory and disk": true} {
		t.Run(name, func(t *testing.T) {
			overSeveral(t, 3, tiny(disk, "a"), func(s *several) {
				a := s.nodes["a"]
				want := randomBytes(20*64<<10 + 1000)
				for _, path := range []string{"/f", "/g"} {
					require.NoError(s, writeFile(s.Context(), a, path, want, cachefs.CreateOptions{}))
					require.ElementsMatch(s, []string{"b", "c"}, s.homes(path))
				}
				require.Greater(s, a.Metrics().Spilled, uint64(20))
				require.Zero(s, heldBlocks(a))
				s.everywhere(func(n *cachefs.Node) {
					for _, path := range []string{"/f", "/g"} {
						require.NoError(s, same(readAll(s.T, n, path), want, 0), "%s on %s", path, n.ID())
					}
				})
				for _, id := range []string{"b", "c"} {
					require.True(s, cachefs.HoldsAll(s.nodes[id], "/f"), id)
					require.Equal(s, 42, heldBlocks(s.nodes[id]), id)
				}
				require.NoError(s, writeFile(s.Context(), a, "/small", want[:100], cachefs.CreateOptions{}))
				require.Contains(s, s.homes("/small"), "a", "what has room stays")
			})
		})
	}
}

// TestSpillOfAsyncThrough: the home that took it brings it to the store.
func TestSpillOfAsyncThrough(t *testing.T) {
	overSeveral(t, 3, tiny(false, "a"), func(s *several) {
		want := randomBytes(20*64<<10 + 1000)
		require.NoError(s, writeFile(s.Context(), s.nodes["a"], "/m/f", want, cachefs.CreateOptions{WriteType: cachefs.AsyncThrough}))
		require.NotContains(s, s.homes("/m/f"), "a")
		time.Sleep(time.Minute)
		s.requireStored("f", want)
		s.everywhere(func(n *cachefs.Node) { require.Zero(s, heldBlocks(n), n.ID()) })
	})
}

// TestNoSpaceAnywhere: where no other node has room for all of it, MustCache says so and leaves nothing behind, and AsyncThrough writes
// through, what others have taken as well.
func TestNoSpaceAnywhere(t *testing.T) {
	for name, ids := range map[string][]string{"all are full": {"a", "b", "c"}, "one has room, two should": {"a", "b"}} {
		t.Run(name, func(t *testing.T) {
			overSeveral(t, 3, tiny(false, ids...), func(s *several) {
				a := s.nodes["a"]
				want := randomBytes(20*64<<10 + 1000)
				require.ErrorIs(s, writeFile(s.Context(), a, "/f", want, cachefs.CreateOptions{}), cachefs.ErrNoSpace)
				s.everywhere(func(n *cachefs.Node) {
					require.Empty(s, cachefs.Blocks(n), n.ID())
					_, err := n.Stat(s.Context(), "/f", nil)
					require.ErrorIs(s, err, cachefs.ErrNotExist)
				})
				require.NoError(s, writeFile(s.Context(), a, "/m/f", want, cachefs.CreateOptions{WriteType: cachefs.AsyncThrough}))
				s.requireStored("f", want)
				require.Positive(s, a.Metrics().Spilled)
				s.everywhere(func(n *cachefs.Node) { require.Zero(s, heldBlocks(n), n.ID()) })
			})
		})
	}
}

// TestFullOthers: AsyncThrough on a node that has room writes through where no other node takes a copy, also what ends within a block.
func TestFullOthers(t *testing.T) {
	overSeveral(t, 3, tiny(false, "b", "c"), func(s *several) {
		s.stuff("b", "c")
		for _, size := range []int{0, 1000, 64 << 10, 64<<10 + 1000} {
			want := randomBytes(size)
			o := cachefs.CreateOptions{WriteType: cachefs.AsyncThrough, Overwrite: true}
			require.NoError(s, writeFile(s.Context(), s.nodes["a"], "/m/f", want, o), "%d bytes", size)
			require.Equal(s, cachefs.Persisted, s.state("/m/f"), "%d bytes", size)
			s.requireStored("f", want)
		}
	})
}

// TestSpillOfOneCopy: a file that wants one copy has it where there is room; one that wants two has no place for the second.
func TestSpillOfOneCopy(t *testing.T) {
	overSeveral(t, 2, tiny(true, "a"), func(s *several) {
		want := randomBytes(20 * 64 << 10)
		require.NoError(s, writeFile(s.Context(), s.nodes["a"], "/f", want, cachefs.CreateOptions{ReplicasMin: 1}))
		require.Equal(s, []string{"b"}, s.homes("/f"))
		require.NoError(s, same(readAll(s.T, s.nodes["a"], "/f"), want, 0))
		require.ErrorIs(s, writeFile(s.Context(), s.nodes["a"], "/g", want, cachefs.CreateOptions{}), cachefs.ErrNoSpace)
	})
}
