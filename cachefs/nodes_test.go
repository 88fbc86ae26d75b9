package cachefs_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/tier"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/memufs"
)

// several are nodes that share a namespace and a store at /m, which each of them can reach.
type several struct {
	*testing.T
	rig   *cachefs.Rig
	store *memufs.Store
	ufs   *ufs.Store
	disks map[string]*vfs.Mem
	nodes map[string]*cachefs.Node
	dead  []*cachefs.Node
	adapt func(id string, cfg *cachefs.Config)
}

// overSeveral runs test with n nodes, "a", "b" ..., in a bubble, and closes those that are left.
func overSeveral(t *testing.T, n int, adapt func(id string, cfg *cachefs.Config), test func(s *several)) {
	bubbletest.Test(t, func(t *testing.T) {
		s := &several{T: t, rig: cachefs.NewRig(time.Second), store: memufs.New(nil), disks: map[string]*vfs.Mem{}, nodes: map[string]*cachefs.Node{}, adapt: adapt}
		s.ufs = s.store.UFS()
		ids := make([]string, n)
		opened := make(chan error, n)
		for i := range ids {
			ids[i] = string(rune('a' + i))
			s.disks[ids[i]] = vfs.NewMem()
		}
		for _, id := range ids {
			cfg := s.config(id)
			go func() {
				_, err := s.rig.Open(context.Background(), id, n, cfg)
				opened <- err
			}()
		}
		for range ids {
			require.NoError(t, <-opened)
		}
		for _, node := range s.rig.Living() {
			s.nodes[node.ID()] = node
		}
		defer s.close()
		s.settle()
		test(s)
	})
}

func (s *several) config(id string) cachefs.Config {
	cfg := cachefs.Config{
		Dir: "/node", FS: s.disks[id], BlockSize: 64 << 10, CloseTimeout: 10 * time.Second,
		Tiers: []tier.Config{
			{Kind: tier.Memory, Size: 2 << 20},
			{Kind: tier.SSD, Dirs: []tier.Dir{{Path: "/node/ssd", Quota: 16 << 20}}},
		},
		Mounts: []cachefs.MountConfig{{Path: "/m", Store: s.ufs}},
	}
	if s.adapt != nil {
		s.adapt(id, &cfg)
	}
	return cfg
}

// close closes what is open, the nodes that do not lead first.
func (s *several) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour) // a file may wait for a store that is down
	defer cancel()
	for len(s.rig.Living()) > 0 {
		list := s.rig.Living()
		next := list[0]
		if len(list) > 1 && next == s.rig.Primary() {
			next = list[1]
		}
		if err := s.rig.Leave(ctx, next.ID()); err != nil {
			s.Logf("node %s: %v", next.ID(), err)
		}
	}
	for _, n := range s.dead {
		n.Close()
	}
}

// settle waits until what is under way has come to rest, and the members and voters with it.
func (s *several) settle() {
	time.Sleep(5 * time.Second)
	synctest.Wait()
}

// crash takes a node away as a power failure does. What it had not synced is gone.
func (s *several) crash(id string) {
	s.Helper()
	s.disks[id] = s.disks[id].CrashKeepingNothing()
	n := s.rig.Crash(id)
	delete(s.nodes, id)
	s.dead = append(s.dead, n) // nobody hears of it, and it sees nothing of what comes after
}

// back starts a node that crashed or left again.
func (s *several) back(id string) {
	s.Helper()
	n, err := s.rig.Open(s.Context(), id, 0, s.config(id))
	require.NoError(s, err)
	s.nodes[id] = n
	s.settle()
}

// others are the ids of the nodes but one, sorted.
func (s *several) others(but string) (ids []string) {
	for _, n := range s.rig.Living() {
		if n.ID() != but {
			ids = append(ids, n.ID())
		}
	}
	return ids
}

// everywhere checks something on each node, when all have heard of what was done.
func (s *several) everywhere(check func(n *cachefs.Node)) {
	s.Helper()
	time.Sleep(time.Second)
	synctest.Wait()
	for _, n := range s.rig.Living() {
		check(n)
	}
}

// homes are those of a file, which all nodes must agree on.
func (s *several) homes(path string) (homes []string) {
	s.Helper()
	s.everywhere(func(n *cachefs.Node) {
		list, err := cachefs.Homes(n, path)
		require.NoError(s, err, "%s on %s", path, n.ID())
		if homes == nil {
			homes = list
		}
		require.Equal(s, homes, list, "%s on %s", path, n.ID())
	})
	return homes
}

// TestSeveralNodes: what one node does, all see.
func TestSeveralNodes(t *testing.T) {
	overSeveral(t, 3, nil, func(s *several) {
		for id, n := range s.nodes {
			require.NoError(s, writeFile(s.Context(), n, "/m/from-"+id, planned(id), cachefs.CreateOptions{}))
		}
		s.everywhere(func(n *cachefs.Node) {
			mounts, err := n.Mounts(s.Context())
			require.NoError(s, err)
			require.Len(s, mounts, 1)
			for id := range s.nodes {
				require.NoError(s, same(readAll(s.T, n, "/m/from-"+id), planned(id), 0), "%s on %s", id, n.ID())
			}
		})
	})
}

// TestCopiesBeforeClose: what only the cache has is on as many nodes as it should be when Close returns.
func TestCopiesBeforeClose(t *testing.T) {
	for _, c := range []struct{ nodes, least, want int }{{1, 0, 1}, {2, 0, 2}, {3, 0, 2}, {3, 1, 1}, {3, 3, 3}, {3, 9, 3}} {
		t.Run(fmt.Sprintf("%d nodes, at least %d", c.nodes, c.least), func(t *testing.T) {
			overSeveral(t, c.nodes, nil, func(s *several) {
				for id := range s.nodes { // where two live, one of them is the voter
					s.checkCopies(id, c.least, c.want)
				}
			})
		})
	}
}

func (s *several) checkCopies(writer string, least, want int) {
	n := s.nodes[writer]
	require.NoError(s, writeFile(s.Context(), n, "/f", planned("1"), cachefs.CreateOptions{ReplicasMin: least}))
	homes, err := cachefs.Homes(n, "/f")
	require.NoError(s, err)
	require.Len(s, homes, want)
	require.Equal(s, writer, homes[0])
	if len(s.nodes) < 3 {
		for _, id := range homes {
			require.True(s, cachefs.HoldsAll(s.nodes[id], "/f"), id)
		}
	}
	require.Equal(s, homes, s.homes("/f"))
	for _, id := range homes {
		require.True(s, cachefs.HoldsAll(s.nodes[id], "/f"), id)
	}
	s.everywhere(func(n *cachefs.Node) {
		require.NoError(s, same(readAll(s.T, n, "/f"), planned("1"), 0), n.ID())
	})
	require.NoError(s, n.Remove(s.Context(), "/f", nil))
	s.everywhere(func(n *cachefs.Node) { require.Empty(s, cachefs.Blocks(n), n.ID()) })
}

// TestCloseWaitsForTheInode: of two nodes one is the voter; Close waits until the other has the inode, too, so that the file
// survives either. A home that dies meanwhile is not waited for.
func TestCloseWaitsForTheInode(t *testing.T) {
	for _, dies := range []bool{false, true} {
		t.Run(fmt.Sprintf("the other home dies: %v", dies), func(t *testing.T) {
			overSeveral(t, 2, nil, func(s *several) {
				voter := s.rig.Primary()
				other := s.others(voter.ID())[0]
				w, err := voter.Create(s.Context(), "/f", nil)
				require.NoError(s, err)
				_, err = w.Write(planned("1"))
				require.NoError(s, err)
				time.Sleep(time.Second) // the other node knows that the file is being written
				s.rig.CutJournals(voter.ID(), other)
				closed := make(chan error, 1)
				go func() { closed <- w.Close() }()
				time.Sleep(500 * time.Millisecond)
				synctest.Wait()
				require.Empty(s, closed)
				if dies {
					s.crash(other)
				}
				s.rig.Heal()
				require.NoError(s, <-closed)
				if !dies {
					require.True(s, cachefs.HoldsAll(s.nodes[other], "/f"))
				}
			})
		})
	}
}
