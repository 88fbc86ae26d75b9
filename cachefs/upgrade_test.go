package cachefs_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/journal"
)

// versions are nodes of releases that know different commands: the level of each is that of its next start.
type versions struct {
	*cachefstest.Cluster
	*testing.T
	levels [3]uint32
	works  int
}

const older = namespace.MaxLevel - 1

func overVersions(t *testing.T, levels [3]uint32, test func(t *testing.T, v *versions)) {
	bubbletest.Test(t, func(t *testing.T) {
		v := &versions{T: t, levels: levels}
		v.Cluster = cachefstest.New(t, len(levels), func(cfg *cachefs.Config) {
			for i, level := range v.levels {
				if cfg.Mesh.Bind == fmt.Sprintf("10.0.0.%d:7946", i+1) {
					cfg.Journal.Level = level
				}
			}
		})
		time.Sleep(5 * time.Second) // all have votes
		test(t, v)
	})
}

// begins reports whether a command of the newest level can be used, by each node.
func (v *versions) begins() (can bool) {
	v.Helper()
	for i, n := range v.Nodes {
		if n == nil {
			continue
		}
		err := cachefs.Change(v.Context(), n, &namespace.Leaving{Leaver: namespace.Leaver{Node: "nobody"}, Ended: true})
		if err != nil {
			var low *journal.LevelError
			require.ErrorAs(v, err, &low, "node %d", i)
		}
		if i > 0 && v.Nodes[i-1] != nil {
			require.Equal(v, can, err == nil, "node %d", i)
		}
		can = err == nil
	}
	return can
}

// work makes changes of all kinds through each node, which all nodes see.
func (v *versions) work() {
	v.Helper()
	ctx := v.Context()
	v.works++
	for i, n := range v.Nodes {
		if n == nil {
			continue
		}
		dir := fmt.Sprintf("%s/%d-%d", cachefstest.MountPath, v.works, i)
		require.NoError(v, n.Mkdir(ctx, dir, nil))
		for _, how := range []cachefs.WriteType{cachefs.MustCache, cachefs.CacheThrough, cachefs.Through, cachefs.AsyncThrough} {
			require.NoError(v, writeFile(ctx, n, fmt.Sprint(dir, "/f", how), planned("1"), cachefs.CreateOptions{WriteType: how}), "node %d", i)
		}
		c := fmt.Sprint(dir, "/f", cachefs.CacheThrough)
		require.NoError(v, writeFile(ctx, n, c, planned("2"), cachefs.CreateOptions{Append: true}))
		require.NoError(v, n.SetAttr(ctx, dir, &cachefs.AttrOptions{Recursive: true, Pin: new(true)}))
		require.NoError(v, n.SetAttr(ctx, dir, &cachefs.AttrOptions{Recursive: true, Pin: new(false)}))
		require.NoError(v, wait(n.Persist(ctx, dir, nil)))
		require.NoError(v, n.Free(ctx, dir, &cachefs.FreeOptions{Recursive: true}))
		require.NoError(v, wait(n.Load(ctx, dir, nil)))
		require.NoError(v, n.Rename(ctx, dir, dir+" renamed", nil))
		require.NoError(v, n.Rename(ctx, dir+" renamed/f1", dir+" moved", nil))
		require.NoError(v, n.Mount(ctx, dir+" mounted", "mem://other", nil))
		require.NoError(v, n.Unmount(ctx, dir+" mounted", nil))
		for k, other := range v.Nodes {
			if other == nil {
				continue
			}
			_, err := other.Stat(ctx, dir+" moved", &cachefs.StatOptions{Consistent: true})
			require.NoError(v, err, "node %d", k)
			require.NoError(v, same(readAll(v.T, other, dir+" renamed/f2"), append(planned("1"), planned("2")...), 0), "node %d", k)
		}
		require.NoError(v, n.Remove(ctx, dir+" renamed", &cachefs.RemoveOptions{Recursive: true}))
	}
}

// replace starts a node again as one of the newest release.
func (v *versions) replace(i int) {
	v.Helper()
	v.Stop(i)
	v.work()
	v.levels[i] = namespace.MaxLevel
	v.Start(i)
	time.Sleep(5 * time.Second)
}

// TestRollingUpgrade: whole nodes of two releases work as one mesh, and newer nodes come and go; the newest command begins when the last
// older node was replaced.
func TestRollingUpgrade(t *testing.T) {
	overVersions(t, [3]uint32{older, older, namespace.MaxLevel}, func(t *testing.T, v *versions) {
		v.replace(2) // a newer one leaves, and comes back
		for i := range 2 {
			require.False(t, v.begins())
			v.work()
			v.replace(i)
		}
		require.True(t, v.begins())
		v.work()
	})
}

// TestKilledBeforeItsUpgrade: an older node that was killed counts, since it may come back as it was: the newest command waits until it has
// left, or is started as a newer one.
func TestKilledBeforeItsUpgrade(t *testing.T) {
	overVersions(t, [3]uint32{older, namespace.MaxLevel, namespace.MaxLevel}, func(t *testing.T, v *versions) {
		v.Kill(0)
		time.Sleep(2 * time.Minute)
		require.False(t, v.begins())
		v.work()
		v.Start(0) // as it was
		require.False(t, v.begins())
		v.work()
		v.Kill(0)
		v.levels[0] = 0 // the newest
		v.Start(0)
		time.Sleep(5 * time.Second)
		require.True(t, v.begins())
		v.work()
	})
}
