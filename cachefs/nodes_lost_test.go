package cachefs_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/tier"
)

// state is the persist state of a file, which all nodes agree on.
func (s *several) state(path string) (state cachefs.PersistState) {
	s.Helper()
	first := true
	s.everywhere(func(n *cachefs.Node) {
		in, err := n.Stat(s.Context(), path, nil)
		require.NoError(s, err, "%s on %s", path, n.ID())
		if first {
			state, first = in.Persist(), false
		}
		require.Equal(s, state, in.Persist(), "%s on %s", path, n.ID())
	})
	return state
}

// TestLostAndFound: a file whose homes have gone is lost after a while; when one is back with its disk it is what it was, and
// a promise to persist it is kept. When it is back without, it is lost for good.
func TestLostAndFound(t *testing.T) {
	overSeveral(t, 3, nil, func(s *several) {
		down := errors.New("down")
		s.store.OnCall(func(op, _ string) error {
			if op == "commit" {
				return down
			}
			return nil
		})
		home := s.others(s.rig.Primary().ID())[0]
		once := cachefs.CreateOptions{ReplicasMin: 1}
		for path, how := range map[string]cachefs.WriteType{"/f": cachefs.MustCache, "/m/f": cachefs.AsyncThrough} {
			o := once
			o.WriteType = how
			require.NoError(s, writeFile(s.Context(), s.nodes[home], path, planned("1"), o))
			require.Equal(s, []string{home}, s.homes(path))
		}
		s.crash(home)
		time.Sleep(30 * time.Second)
		require.Equal(s, cachefs.NotPersisted, s.state("/f"), "it may be back at once")
		time.Sleep(3 * time.Minute)
		require.Equal(s, cachefs.Lost, s.state("/f"))
		require.Equal(s, cachefs.Lost, s.state("/m/f"))

		s.back(home)
		time.Sleep(10 * time.Second)
		require.Equal(s, cachefs.NotPersisted, s.state("/f"))
		require.Equal(s, cachefs.ToPersist, s.state("/m/f"))
		s.everywhere(func(n *cachefs.Node) {
			for _, path := range []string{"/f", "/m/f"} {
				require.NoError(s, same(readAll(s.T, n, path), planned("1"), 0), "%s on %s", path, n.ID())
			}
		})
		s.store.OnCall(nil)
		time.Sleep(2 * time.Minute)
		require.Equal(s, cachefs.Persisted, s.state("/m/f"))

		require.NoError(s, writeFile(s.Context(), s.nodes[home], "/g", planned("2"), once))
		s.crash(home)
		s.disks[home] = vfs.NewMem()
		s.settle()
		s.back(home)
		time.Sleep(10 * time.Second)
		require.Equal(s, cachefs.Lost, s.state("/g"))
		require.Empty(s, s.homes("/g"))
	})
}

// TestLeavingHandsOn: a node that ends gives others what only it has, and the file's promise with it.
func TestLeavingHandsOn(t *testing.T) {
	for _, volatile := range []bool{true, false} {
		overSeveral(t, 3, func(_ string, cfg *cachefs.Config) {
			if volatile {
				cfg.Tiers = []tier.Config{{Kind: tier.Memory, Size: 2 << 20}}
			}
		}, func(s *several) {
			home := s.others(s.rig.Primary().ID())[0]
			require.NoError(s, writeFile(s.Context(), s.nodes[home], "/f", planned("1"), cachefs.CreateOptions{ReplicasMin: 1}))
			require.Equal(s, []string{home}, s.homes("/f"))
			require.NoError(s, s.rig.Leave(s.Context(), home))
			homes := s.homes("/f")
			if volatile {
				require.Len(s, homes, 1)
				require.NotEqual(s, home, homes[0])
			} else {
				require.Len(s, homes, 2)
				require.Equal(s, home, homes[0], "it has them on its disk")
			}
			require.Equal(s, cachefs.NotPersisted, s.state("/f"))
			s.everywhere(func(n *cachefs.Node) {
				require.NoError(s, same(readAll(s.T, n, "/f"), planned("1"), 0), n.ID())
			})
		})
	}
}

// TestOneOfTwoIsLost: of two nodes one is the only voter. What was written to the cache when it is lost for good is on the other, inode and
// bytes, when Close has returned, whichever of them wrote it; a promise to persist it is kept by who is left.
func TestOneOfTwoIsLost(t *testing.T) {
	for _, voterWrites := range []bool{true, false} {
		overSeveral(t, 2, nil, func(s *several) {
			voter := s.rig.Primary().ID()
			left := s.others(voter)[0]
			writer := left
			if voterWrites {
				writer = voter
			}
			s.store.OnCall(func(op, _ string) error {
				if op == "commit" {
					return errors.New("down")
				}
				return nil
			})
			want := map[string][]byte{"/f": content(1, 100_000), "/m/f": content(2, 100_000)}
			require.NoError(s, writeFile(s.Context(), s.nodes[writer], "/f", want["/f"], cachefs.CreateOptions{WriteType: cachefs.MustCache}))
			require.NoError(s, writeFile(s.Context(), s.nodes[writer], "/m/f", want["/m/f"], cachefs.CreateOptions{WriteType: cachefs.AsyncThrough}))
			s.crash(voter)
			n := s.nodes[left]
			soon, cancel := context.WithTimeout(s.Context(), 10*time.Second)
			defer cancel()
			refused := n.Mkdir(soon, "/d", nil)
			require.Error(s, refused, "the only voter is gone")
			_, err := n.Recover(s.Context(), []string{voter})
			require.NoError(s, err)
			for path, data := range want {
				in, err := n.Stat(s.Context(), path, nil)
				require.NoError(s, err, path)
				require.True(s, in.Complete(), path)
				require.NoError(s, same(readAll(s.T, n, path), data, 0), path)
			}
			if err := n.Mkdir(s.Context(), "/d", nil); !errors.Is(refused, cachefs.ErrUnknownOutcome) || !errors.Is(err, cachefs.ErrExist) {
				require.NoError(s, err) // else the first one was made after all
			}
			s.store.OnCall(nil)
			time.Sleep(3 * time.Minute)
			require.Equal(s, cachefs.Persisted, s.state("/m/f"))
			s.requireStored("f", want["/m/f"])
		})
	}
}
