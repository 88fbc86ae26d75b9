package cachefs_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/tier"
	"github.com/millpond/millpond/ufs"
	_ "github.com/millpond/millpond/ufs/fileufs"
	"github.com/millpond/millpond/ufs/memufs"
)

// kept is where backups go, and what is mounted, over the lives of several meshes.
type kept struct {
	*testing.T
	mounted *memufs.Store
	place   *ufs.Store
	events  *backupEvents
}

// backupEvents are those that were told, of all nodes.
type backupEvents struct {
	mu                      sync.Mutex
	made, restored, damaged []cachefs.BackupInfo
	lost                    []string
}

func (e *backupEvents) into(list *[]cachefs.BackupInfo) func(cachefs.BackupInfo) {
	return func(i cachefs.BackupInfo) {
		e.mu.Lock()
		defer e.mu.Unlock()
		*list = append(*list, i)
	}
}

// of is a copy of one of the lists.
func of[E any](e *backupEvents, list *[]E) []E {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(*list)
}

func newKept(t *testing.T) *kept {
	return &kept{T: t, mounted: memufs.New(nil), place: memufs.New(nil).UFS(), events: &backupEvents{}}
}

// mesh starts n fresh nodes whose namespace is kept. Without a disk all that they have ends with them.
func (k *kept) mesh(n int, disk bool, more ...func(*cachefs.Config)) *cachefstest.Cluster {
	k.Helper()
	return cachefstest.New(k.T, n, append([]func(*cachefs.Config){func(c *cachefs.Config) {
		c.Mounts = []cachefs.MountConfig{{Path: "/m", Store: k.mounted.UFS()}}
		c.Backup = &cachefs.BackupConfig{Store: k.place}
		c.Events.Backup = k.events.into(&k.events.made)
		c.Events.BackupRestored = k.events.into(&k.events.restored)
		c.Events.BackupDamaged = k.events.into(&k.events.damaged)
		c.Events.FileLost = func(f cachefs.FileInfo) {
			k.events.mu.Lock()
			defer k.events.mu.Unlock()
			k.events.lost = append(k.events.lost, f.Path)
		}
		c.Tiers[0].Size = 16 << 20 // many meshes in one process
		if !disk {
			c.Dir, c.Tiers = "", c.Tiers[:1]
		}
	}}, more...)...)
}

// stopAll closes the nodes of a mesh at the same time, which succeeds.
func (k *kept) stopAll(c *cachefstest.Cluster) {
	k.Helper()
	var up []int
	for i, n := range c.Nodes {
		if n != nil {
			up = append(up, i)
		}
	}
	c.Stop(up...)
}

// endAll closes the nodes of a mesh at the same time, of which some say that a file ends with them, and nothing else.
func (k *kept) endAll(c *cachefstest.Cluster) {
	k.Helper()
	var ending sync.WaitGroup
	for i, n := range c.Nodes {
		c.Nodes[i] = nil
		ending.Go(func() {
			if err := n.Close(); err != nil && (!errors.Is(err, cachefs.ErrLost) || strings.Contains(err.Error(), "backup")) {
				k.Errorf("node %d: %v", i, err)
			}
		})
	}
	ending.Wait()
}

// paths is the tree of a node, with what a change of attributes would change.
func paths(t *testing.T, n *cachefs.Node) (list []string) {
	t.Helper()
	for in, err := range n.List(t.Context(), "/", &cachefs.ListOptions{Recursive: true, Consistent: true}) {
		require.NoError(t, err)
		list = append(list, fmt.Sprintf("%s dir=%v size=%d mode=%v ttl=%v pinned=%v", in.Path(), in.IsDir(), in.Size(), in.Mode(), in.TTL(), in.Pinned()))
	}
	return list
}

// TestZeroScale: nodes that have no disk all end, at the same time or one by one, and others begin elsewhere: mounts, files,
// attributes and what is in the store are there; what only the cache had is lost, and said to be.
func TestZeroScale(t *testing.T) {
	for _, n := range []int{1, 2, 3} {
		for _, then := range []int{1, 3} {
			t.Run(fmt.Sprintf("%d nodes, then %d", n, then), func(t *testing.T) {
				bubbletest.Test(t, func(t *testing.T) {
					k := newKept(t)
					c := k.mesh(n, false)
					ctx := t.Context()
					require.NoError(t, c.Nodes[n-1].Mkdir(ctx, "/dir/below", &cachefs.MkdirOptions{Parents: true}))
					require.NoError(t, writeFile(ctx, c.Nodes[0], "/m/kept", planned("1"), cachefs.CreateOptions{}))
					require.NoError(t, writeFile(ctx, c.Nodes[0], "/dir/only", planned("2"), cachefs.CreateOptions{}))
					pin, ttl := true, 100*time.Hour
					require.NoError(t, c.Nodes[0].SetAttr(ctx, "/m/kept", &cachefs.AttrOptions{Pin: &pin, TTL: &ttl}))
					other := memufs.New(nil)
					require.NoError(t, c.Nodes[n-1].Mount(ctx, "/late", "", &cachefs.MountOptions{Store: other.UFS()}))
					want := paths(t, c.Nodes[0])
					k.endAll(c)

					c = k.mesh(then, false, func(c *cachefs.Config) {
						c.Mounts = append(c.Mounts, cachefs.MountConfig{Path: "/late", Store: other.UFS()})
					})
					require.Equal(t, want, paths(t, c.Nodes[0]))
					require.Len(t, of(k.events, &k.events.restored), 1)
					require.NoError(t, same(readAll(t, c.Nodes[then-1], "/m/kept"), planned("1"), 0))
					time.Sleep(3 * time.Minute)
					in, err := c.Nodes[0].Stat(ctx, "/dir/only", nil)
					require.NoError(t, err)
					require.Equal(t, cachefs.Lost, in.Persist())
					require.Equal(t, []string{"/dir/only"}, slices.Compact(of(k.events, &k.events.lost)))
					require.NoError(t, c.Nodes[0].Mkdir(ctx, "/more", nil))
					k.stopAll(c)
					last := k.mesh(1, false)
					_, err = last.Nodes[0].Stat(ctx, "/more", nil)
					require.NoError(t, err, "again")
				})
			})
		}
	}
}

// TestTwoMeshesOfOneBackup: one that still lives when another begins with its backup goes on without; it says so, and writes
// nothing there. Either way round a person may say otherwise.
func TestTwoMeshesOfOneBackup(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		k := newKept(t)
		ctx := t.Context()
		old := k.mesh(2, true)
		require.NoError(t, old.Node().Mkdir(ctx, "/both", nil))
		require.NoError(t, old.Nodes[1].Backup(ctx, nil), "by way of the primary")
		young := k.mesh(1, true)
		require.NoError(t, old.Node().Mkdir(ctx, "/old", nil), "it still changes")
		err := old.Nodes[0].Backup(ctx, nil)
		require.ErrorIs(t, err, cachefs.ErrBackupFenced)
		require.ErrorIs(t, old.Nodes[1].Backup(ctx, nil), cachefs.ErrBackupFenced)
		time.Sleep(2 * time.Minute)
		made := of(k.events, &k.events.made)
		require.ErrorIs(t, made[len(made)-1].Err, cachefs.ErrBackupFenced)
		require.NoError(t, young.Node().Mkdir(ctx, "/young", nil))
		require.NoError(t, young.Node().Backup(ctx, nil))

		require.NoError(t, old.Nodes[1].Backup(ctx, &cachefs.BackupOptions{TakeOver: true}))
		require.NoError(t, young.Node().Mkdir(ctx, "/young2", nil))
		require.ErrorIs(t, young.Node().Backup(ctx, nil), cachefs.ErrBackupFenced)
		n := young.Nodes[0]
		young.Nodes[0] = nil
		require.ErrorIs(t, n.Close(), cachefs.ErrBackupFenced, "its last changes are nowhere")
		k.stopAll(old)
		third := k.mesh(1, false)
		_, err = third.Node().Stat(ctx, "/old", nil)
		require.NoError(t, err)
		_, err = third.Node().Stat(ctx, "/young", nil)
		require.ErrorIs(t, err, cachefs.ErrNotExist)
	})
}

// TestBackupsGoOn: the primary makes one when there were changes, whichever node it is; one that all at once crash leave is what
// the next begin with.
func TestBackupsGoOn(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		k := newKept(t)
		ctx := t.Context()
		c := k.mesh(3, true, func(c *cachefs.Config) { c.Backup.Interval = 10 * time.Second })
		count := func() int {
			made := of(k.events, &k.events.made)
			for _, i := range made {
				require.NoError(t, i.Err)
			}
			return len(made)
		}
		time.Sleep(time.Minute)
		before := count()
		require.NotZero(t, before)
		time.Sleep(time.Minute)
		require.Equal(t, before, count(), "no change, no backup")
		require.NoError(t, c.Nodes[0].Mkdir(ctx, "/one", nil))
		time.Sleep(11 * time.Second)
		require.Equal(t, before+1, count())
		var counted uint64
		for _, n := range c.Nodes {
			counted += n.Metrics().Backups
		}
		require.EqualValues(t, count(), counted, "each by the node that made it")
		for i, n := range c.Nodes {
			if n.Metrics().Journal.Primary {
				c.Crash(i)
				break
			}
		}
		time.Sleep(5 * time.Second)
		require.NoError(t, c.Node().Mkdir(ctx, "/two", nil))
		time.Sleep(20 * time.Second)
		require.Greater(t, count(), before+1)
		for i, n := range c.Nodes {
			if n != nil {
				c.Crash(i)
			}
		}
		names := k.keys()
		require.LessOrEqual(t, len(names), 4, "old ones are deleted: %v", names)
		c = k.mesh(1, false)
		_, err := c.Node().Stat(ctx, "/two", nil)
		require.NoError(t, err)
	})
}

// keys are those of the place.
func (k *kept) keys() (list []string) {
	k.Helper()
	for a, err := range k.place.List(k.Context(), ufs.ListOptions{Prefix: ".millpond"}) {
		require.NoError(k, err)
		list = append(list, a.Key)
	}
	return list
}

// TestBackupInAMount: in a directory of the operating system, by its URL, which is mounted as well.
func TestBackupInAMount(t *testing.T) {
	dir := t.TempDir()
	cfg := cachefs.Config{
		Mounts: []cachefs.MountConfig{{Path: "/data", URL: "file://" + dir}},
		Backup: &cachefs.BackupConfig{URL: "file://" + dir},
	}
	n, err := cachefs.Open(t.Context(), cfg)
	require.NoError(t, err)
	require.NoError(t, writeFile(t.Context(), n, "/data/f", planned("1"), cachefs.CreateOptions{}))
	require.NoError(t, n.Mkdir(t.Context(), "/dir", nil))
	require.NoError(t, n.Close())
	cfg.Mounts = nil // they are in the backup
	n, err = cachefs.Open(t.Context(), cfg)
	require.NoError(t, err)
	defer n.Close()
	require.NoError(t, same(readAll(t, n, "/data/f"), planned("1"), 0))
	_, err = n.Stat(t.Context(), "/dir", nil)
	require.NoError(t, err)
}

// TestBlocksOutliveTheBackup: a namespace that begins with an older backup takes no blocks along: what is found in the store again has
// its blocks.
func TestBlocksOutliveTheBackup(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		k, disk := newKept(t), vfs.NewMem()
		require.NoError(t, putOutside(t.Context(), k.mounted.UFS(), "f", planned("1")))
		open := func() *cachefs.Node {
			n, err := cachefs.Open(t.Context(), cachefs.Config{
				Dir: "/node", FS: disk, Backup: &cachefs.BackupConfig{Store: k.place},
				Tiers:  []tier.Config{{Kind: tier.Memory, Size: 8 << 20}, {Kind: tier.SSD, Dirs: []tier.Dir{{Path: "/node/ssd", Quota: 16 << 20}}}},
				Mounts: []cachefs.MountConfig{{Path: "/m", Store: k.mounted.UFS()}},
			})
			require.NoError(t, err)
			return n
		}
		n := open()
		require.NoError(t, n.Backup(t.Context(), nil))
		require.NoError(t, same(readAll(t, n, "/m/f"), planned("1"), 0))
		require.NoError(t, n.Close())
		list := k.keys()
		require.NoError(t, k.place.Delete(t.Context(), list[len(list)-1]), "the entry of the last backup")
		require.NoError(t, disk.RemoveAll("/node/journal"))
		n = open()
		defer n.Close()
		synctest.Wait()
		before := k.mounted.Calls()["open"]
		require.NoError(t, same(readAll(t, n, "/m/f"), planned("1"), 0))
		require.Equal(t, before, k.mounted.Calls()["open"], "reads of the store")
	})
}

// TestBackupRefused: a store that cannot keep two meshes apart is refused, by the name of what it lacks.
func TestBackupRefused(t *testing.T) {
	lacks, reads := memufs.Directory(), memufs.Directory()
	lacks.IfAbsent, reads.ReadOnly = false, true
	for say, caps := range map[string]*ufs.Caps{"capability IfAbsent": &lacks, "read-only": &reads} {
		_, err := cachefs.Open(t.Context(), cachefs.Config{Backup: &cachefs.BackupConfig{Store: memufs.New(&memufs.Options{Caps: caps}).UFS()}})
		require.ErrorIs(t, err, cachefs.ErrUnsupported)
		require.ErrorContains(t, err, say)
		require.ErrorContains(t, err, "Config.Backup")
	}
}

// TestWhoMakesBackups: with permissions, the process and superusers.
func TestWhoMakesBackups(t *testing.T) {
	n, err := cachefs.Open(t.Context(), cachefs.Config{Permissions: true, Backup: &cachefs.BackupConfig{Store: memufs.New(nil).UFS()}})
	require.NoError(t, err)
	defer n.Close()
	err = n.Backup(cachefs.WithUser(t.Context(), cachefs.User{Name: "u"}), nil)
	require.ErrorIs(t, err, cachefs.ErrPermission)
	require.ErrorContains(t, err, "makes backups")
	require.NoError(t, n.Backup(cachefs.WithUser(t.Context(), cachefs.User{Name: "root", Superuser: true}), nil))

	n, err = cachefs.Open(t.Context(), cachefs.Config{})
	require.NoError(t, err)
	defer n.Close()
	require.ErrorIs(t, n.Backup(t.Context(), nil), cachefs.ErrInvalid)
}

// TestBackupUnavailable: a fresh node does not begin without knowing whether there is a backup; one that has its journal starts, and
// its Shutdown does not say that all is kept.
func TestBackupUnavailable(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		store := memufs.New(nil)
		down := errors.New("down")
		fail := func(string, string) error { return down }
		store.OnCall(fail)
		k := newKept(t)
		k.place = store.UFS()
		_, err := cachefs.Open(t.Context(), cachefs.Config{Backup: &cachefs.BackupConfig{Store: k.place}})
		require.ErrorIs(t, err, down)
		store.OnCall(nil)
		c := k.mesh(1, true)
		require.NoError(t, c.Node().Mkdir(t.Context(), "/a", nil))
		k.stopAll(c)
		store.OnCall(fail)
		c.Start(0)
		require.NoError(t, c.Node().Mkdir(t.Context(), "/b", nil))
		n := c.Node()
		c.Nodes[0] = nil
		require.Zero(t, n.Metrics().BackupFailures)
		require.ErrorIs(t, n.Shutdown(context.Background()), down)
		require.NotZero(t, n.Metrics().BackupFailures)
		require.Zero(t, n.Metrics().Backups)
	})
}

// TestLastOfThoseThatWentOn: a node that was cut off right after a backup, and ends when the others are gone, does not say that theirs are
// in one.
func TestLastOfThoseThatWentOn(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		k := newKept(t)
		c := k.mesh(3, false)
		time.Sleep(10 * time.Second)
		p := c.Primary()
		require.NoError(t, c.Nodes[p].Backup(t.Context(), nil))
		others := []int{(p + 1) % 3, (p + 2) % 3}
		c.Partition([]int{p}, others)
		require.NoError(t, c.Nodes[others[0]].Mkdir(t.Context(), "/later", nil))
		for _, i := range others {
			c.Crash(i)
		}
		n := c.Nodes[p]
		c.Nodes[p] = nil
		require.ErrorIs(t, n.Close(), cachefs.ErrNoPrimary)
	})
}

// TestNodeThatStartsBesideTheLast: a mesh without a disk ends, and while its last node saves the namespace another one starts. It waits for
// that, and begins with what was saved.
func TestNodeThatStartsBesideTheLast(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		store := memufs.New(nil)
		k := newKept(t)
		k.place = store.UFS()
		c := k.mesh(2, false)
		require.NoError(t, c.Nodes[1].Mkdir(t.Context(), "/a", nil))
		c.Stop(1)
		saves := make(chan struct{}, 100)
		store.OnCall(func(string, string) error {
			saves <- struct{}{}
			time.Sleep(time.Second)
			return nil
		})
		last := c.Nodes[0]
		c.Nodes[0] = nil
		ended := make(chan error, 1)
		go func() { ended <- last.Close() }()
		<-saves
		stuck := time.AfterFunc(time.Minute, func() { panic("the node that starts waits for a journal that nobody has") })
		c.Start(1)
		stuck.Stop()
		require.NoError(t, <-ended)
		_, err := c.Nodes[1].Stat(t.Context(), "/a", nil)
		require.NoError(t, err)
		require.NoError(t, c.Nodes[1].Mkdir(t.Context(), "/b", nil))
	})
}
