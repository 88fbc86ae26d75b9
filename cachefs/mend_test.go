package cachefs_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/tier"
)

// memoryOnly gives the nodes no disk, so that each has one copy of a block at most.
func memoryOnly(_ string, cfg *cachefs.Config) {
	cfg.Tiers = []tier.Config{{Kind: tier.Memory, Size: 2 << 20}}
}

// TestDamagedCopyIsMadeAnew: a home whose copy of a block is damaged drops it, and takes it from another home again: others count on
// it.
func TestDamagedCopyIsMadeAnew(t *testing.T) {
	overSeveral(t, 3, memoryOnly, func(s *several) {
		want := randomBytes(3 * 64 << 10)
		require.NoError(s, writeFile(s.Context(), s.nodes["a"], "/f", want, cachefs.CreateOptions{}))
		homes := s.homes("/f")
		require.Len(s, homes, 2)
		sick, well := homes[1], homes[0]
		require.True(s, cachefs.Damage(s.nodes[sick], "/f", 1))
		time.Sleep(10 * time.Second)
		require.True(s, cachefs.HoldsAll(s.nodes[sick], "/f"))
		require.NoError(s, s.rig.Leave(s.Context(), well))
		s.everywhere(func(n *cachefs.Node) {
			require.NoError(s, same(readAll(s.T, n, "/f"), want, 0), n.ID())
		})
	})
}

// TestDamagedLastCopy: a file is lost as soon as its only home has dropped a block, and not when somebody restarts that node.
func TestDamagedLastCopy(t *testing.T) {
	for _, nodes := range []int{1, 3} {
		overSeveral(t, nodes, memoryOnly, func(s *several) {
			require.NoError(s, writeFile(s.Context(), s.nodes["a"], "/f", randomBytes(3*64<<10), cachefs.CreateOptions{ReplicasMin: 1}))
			require.True(s, cachefs.Damage(s.nodes["a"], "/f", 1))
			time.Sleep(10 * time.Second)
			require.Equal(s, cachefs.Lost, s.state("/f"))
		})
	}
}

// brokenDisk has the blocks of a node on a disk that fails while broken says so.
type brokenDisk struct{ broken atomic.Pointer[string] }

func (d *brokenDisk) under(id string, cfg *cachefs.Config) {
	cfg.Tiers = []tier.Config{{Kind: tier.SSD, Dirs: []tier.Dir{{Path: "/node/ssd", Quota: 16 << 20}}}}
	cfg.FS = vfs.NewFaulty(cfg.FS, func(op vfs.Op) error {
		if b := d.broken.Load(); b != nil && *b == id && strings.HasPrefix(op.Name, "/node/ssd") {
			return syscall.EIO
		}
		return nil
	})
}

// TestHomeWhoseDiskIsGone: what a home had on a disk that cannot be read any more is no copy: another node takes one. When the disk is
// back, what it has that nobody counts on may be evicted.
func TestHomeWhoseDiskIsGone(t *testing.T) {
	var disk brokenDisk
	overSeveral(t, 3, disk.under, func(s *several) {
		want := randomBytes(3 * 64 << 10)
		require.NoError(s, writeFile(s.Context(), s.nodes["a"], "/f", want, cachefs.CreateOptions{}))
		homes := s.homes("/f")
		require.Len(s, homes, 2)
		sick, well := homes[1], homes[0]
		disk.broken.Store(&sick)
		require.NoError(s, same(readAll(s.T, s.nodes[sick], "/f"), want, 0))
		time.Sleep(patrol)
		homes = s.homes("/f")
		require.Len(s, homes, 2)
		for _, id := range homes {
			require.True(s, cachefs.HoldsAll(s.nodes[id], "/f"), id)
		}
		require.NotContains(s, homes, sick, "it has no other disk")
		disk.broken.Store(nil)
		time.Sleep(patrol)
		require.Zero(s, heldBlocks(s.nodes[sick]))
		require.Equal(s, homes, s.homes("/f"))
		require.NoError(s, s.rig.Leave(s.Context(), well))
		s.everywhere(func(n *cachefs.Node) {
			require.NoError(s, same(readAll(s.T, n, "/f"), want, 0), n.ID())
		})
	})
}

// TestDiskOfTheLastHomeIsBack: a file whose only home cannot read its disk is not lost before it is known that the disk does not come
// back.
func TestDiskOfTheLastHomeIsBack(t *testing.T) {
	var disk brokenDisk
	overSeveral(t, 3, disk.under, func(s *several) {
		want := randomBytes(3 * 64 << 10)
		require.NoError(s, writeFile(s.Context(), s.nodes["a"], "/f", want, cachefs.CreateOptions{ReplicasMin: 1}))
		sick := "a"
		disk.broken.Store(&sick)
		f, err := s.nodes["a"].Open(s.Context(), "/f", nil)
		require.NoError(s, err)
		_, err = f.ReadAt(make([]byte, 10), 0)
		require.ErrorIs(s, err, cachefs.ErrLost)
		require.NoError(s, f.Close())
		time.Sleep(patrol)
		require.Equal(s, cachefs.NotPersisted, s.state("/f"))
		require.Equal(s, []string{"a"}, s.homes("/f"))
		disk.broken.Store(nil)
		time.Sleep(patrol)
		require.NoError(s, same(readAll(s.T, s.nodes["b"], "/f"), want, 0))
		require.Equal(s, 3, heldBlocks(s.nodes["a"]))
	})
}

// TestHomeThatIsAway: what only a node has that is not there is told with that node's name, and is read when it is back.
func TestHomeThatIsAway(t *testing.T) {
	overSeveral(t, 3, nil, func(s *several) {
		home := s.others(s.rig.Primary().ID())[0]
		reader := s.others(home)[0]
		want := randomBytes(64 << 10)
		require.NoError(s, writeFile(s.Context(), s.nodes[home], "/f", want, cachefs.CreateOptions{ReplicasMin: 1}))
		require.Equal(s, []string{home}, s.homes("/f"))
		f, err := s.nodes[reader].Open(s.Context(), "/f", nil)
		require.NoError(s, err)
		s.crash(home)
		_, err = f.ReadAt(make([]byte, 10), 0)
		require.ErrorIs(s, err, cachefs.ErrLost)
		require.ErrorContains(s, err, "one that took them is back with its disk: "+home)
		require.NoError(s, f.Close())
		s.back(home)
		require.NoError(s, same(readAll(s.T, s.nodes[reader], "/f"), want, 0))
	})
}

// TestHomeThatCannotMend: a home that does not get a block anew is none any more, another node is, and what the first one has left may be
// evicted.
func TestHomeThatCannotMend(t *testing.T) {
	overSeveral(t, 3, memoryOnly, func(s *several) {
		want := randomBytes(3 * 64 << 10)
		require.NoError(s, writeFile(s.Context(), s.nodes["a"], "/f", want, cachefs.CreateOptions{}))
		homes := s.homes("/f")
		require.Len(s, homes, 2)
		sick := homes[1]
		s.rig.FailCalls(func(from, _, method string) error {
			if method == "read" && from == sick {
				return syscall.ECONNRESET
			}
			return nil
		})
		require.True(s, cachefs.Damage(s.nodes[sick], "/f", 1))
		time.Sleep(2 * patrol)
		homes = s.homes("/f")
		require.Len(s, homes, 2)
		require.NotContains(s, homes, sick)
		for _, id := range homes {
			require.True(s, cachefs.HoldsAll(s.nodes[id], "/f"), id)
		}
		require.Zero(s, heldBlocks(s.nodes[sick]))
		s.rig.FailCalls(nil)
	})
}

// TestLostUntilTheDiskIsBack: a file that was found to be lost while a disk could not be read is what it was when the disk is back, and
// its promise to be persisted is kept.
func TestLostUntilTheDiskIsBack(t *testing.T) {
	var disk brokenDisk
	overSeveral(t, 3, disk.under, func(s *several) {
		s.store.OnCall(func(op, _ string) error {
			if op == "commit" {
				return syscall.ECONNRESET
			}
			return nil
		})
		require.NoError(s, writeFile(s.Context(), s.nodes["a"], "/m/f", planned("1"), cachefs.CreateOptions{WriteType: cachefs.AsyncThrough, ReplicasMin: 1}))
		sick := "a"
		disk.broken.Store(&sick)
		time.Sleep(10 * time.Minute)
		require.Equal(s, cachefs.Lost, s.state("/m/f"))
		s.store.OnCall(nil)
		disk.broken.Store(nil)
		time.Sleep(patrol)
		require.Equal(s, cachefs.Persisted, s.state("/m/f"))
		require.NoError(s, same(readAll(s.T, s.nodes["b"], "/m/f"), planned("1"), 0))
	})
}

// TestHomeThatRestartedBeforeTheFileWasComplete: a node took copies, lost them in a restart, and is a home all the same, since nobody
// who completes the file has heard of that.
func TestHomeThatRestartedBeforeTheFileWasComplete(t *testing.T) {
	overSeveral(t, 3, memoryOnly, func(s *several) {
		want := randomBytes(3 * 64 << 10)
		var again sync.Once
		s.rig.AfterCalls(func(_, to, method string) {
			if method != "cachefs.hold" {
				return
			}
			again.Do(func() {
				s.crash(to)
				s.back(to)
			})
		})
		require.NoError(s, writeFile(s.Context(), s.nodes["a"], "/f", want, cachefs.CreateOptions{}))
		s.rig.AfterCalls(nil)
		time.Sleep(patrol)
		homes := s.homes("/f")
		require.Len(s, homes, 2)
		for _, id := range homes {
			require.True(s, cachefs.HoldsAll(s.nodes[id], "/f"), id)
		}
		for id, n := range s.nodes {
			require.Empty(s, cachefs.Astray(n), id)
		}
	})
}

// TestNothingAstray: what is written is held by its homes, by all of them and nobody else, and no longer than until the store has it.
func TestNothingAstray(t *testing.T) {
	overSeveral(t, 3, nil, func(s *several) {
		for path, how := range map[string]cachefs.WriteType{"/f": cachefs.MustCache, "/m/a": cachefs.AsyncThrough, "/m/c": cachefs.CacheThrough} {
			require.NoError(s, writeFile(s.Context(), s.nodes["b"], path, randomBytes(3*64<<10), cachefs.CreateOptions{WriteType: how}))
		}
		time.Sleep(patrol)
		require.Equal(s, cachefs.Persisted, s.state("/m/a"))
		for id, n := range s.nodes {
			require.Empty(s, cachefs.Astray(n), id)
		}
		homes := s.homes("/f")
		require.True(s, cachefs.DropBlock(s.nodes[homes[1]], "/f", 1))
		require.Len(s, cachefs.Astray(s.nodes[homes[1]]), 1, "a block that a home lacks")
	})
}
