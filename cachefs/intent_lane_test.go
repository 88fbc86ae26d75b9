package cachefs_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/memufs"
	"github.com/millpond/millpond/ufs/ufstest"
)

// twoMounts are the stores of a node: one that can be made to answer nothing, and one that always answers.
type twoMounts struct {
	*testing.T
	faulty       *ufstest.Faulty
	stuck, sound *ufs.Store
}

func newTwoMounts(t *testing.T) *twoMounts {
	m := &twoMounts{T: t, sound: memufs.New(nil).UFS()}
	below := memufs.New(nil).UFS()
	var err error
	m.faulty, err = ufstest.NewFaulty(ufstest.Driver(below), "")
	require.NoError(t, err)
	m.stuck, err = ufs.New(m.faulty, below.ID(), nil)
	require.NoError(t, err)
	return m
}

func (m *twoMounts) config() cachefs.Config {
	return cachefs.Config{
		Dir: "/node", FS: vfs.NewMem(),
		Mounts: []cachefs.MountConfig{{Path: "/stuck", Store: m.stuck}, {Path: "/sound", Store: m.sound}},
	}
}

// breaks has the one store stall or fail, until it is told to let go.
func (m *twoMounts) breaks(how string) (release func()) {
	require.NoError(m, m.faulty.Play("* "+how))
	return func() { require.NoError(m, m.faulty.Play("")) }
}

// begin begins to make a directory in each store, several in the one that is stuck, and leaves the intents; the stores have the
// directories.
func (m *twoMounts) begin(n *cachefs.Node, id string) {
	lease := cachefs.NewLease(id)
	for _, d := range []string{"/stuck/1", "/stuck/2", "/stuck/3", "/sound/d"} {
		require.NoError(m, cachefs.Change(m.Context(), n, &namespace.BeginBy{Begin: namespace.Begin{Kind: namespace.IntentMkdir, Path: d}, Lease: lease}))
	}
	for _, d := range []string{"1", "2", "3"} {
		require.NoError(m, m.stuck.Mkdir(m.Context(), d, true, 0o755))
	}
	require.NoError(m, m.sound.Mkdir(m.Context(), "d", true, 0o755))
}

// intents is how many intents have not ended.
func intents(n *cachefs.Node) int { return len(cachefs.Intents(n)) }

// TestStalledStoreHoldsUpNoOthersIntents: what a node that has gone had begun is settled in one mount, at once, while the store of
// another answers nothing, or fails; and there as soon as it answers.
func TestStalledStoreHoldsUpNoOthersIntents(t *testing.T) {
	for _, how := range []string{"stall", "fail=unavailable"} {
		bubbletest.Test(t, func(t *testing.T) { brokenStoreHoldsUpNoOthers(t, how) })
	}
}

func brokenStoreHoldsUpNoOthers(t *testing.T, how string) {
	m, others := newTwoMounts(t), cachefs.NewOthers()
	others.Set("gone", true)
	n, err := cachefs.OpenAmong(t.Context(), m.config(), others)
	require.NoError(t, err)
	defer n.Close()
	others.Set(n.ID(), true)
	m.begin(n, "gone")
	release := m.breaks(how)
	defer release()
	others.Set("gone", false)
	synctest.Wait()
	require.Equal(t, 3, intents(n), "of the store that is stuck")
	require.NoError(t, n.Remove(t.Context(), "/sound/d", nil), "nothing holds it up")
	time.Sleep(time.Hour)
	require.Equal(t, 3, intents(n))
	release()
	time.Sleep(time.Minute)
	require.Zero(t, intents(n))
	in, err := n.Stat(t.Context(), "/stuck/3", nil)
	require.NoError(t, err)
	require.True(t, in.IsDir())
}

// TestStalledStoreAtOpen: of what an earlier run had begun, Open settles what other stores have.
func TestStalledStoreAtOpen(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		m := newTwoMounts(t)
		cfg := m.config()
		n, err := cachefs.Open(t.Context(), cfg)
		require.NoError(t, err)
		m.begin(n, n.ID())
		require.NoError(t, n.Close())

		release := m.breaks("stall")
		defer release()
		began := time.Now()
		n, err = cachefs.Open(t.Context(), cfg)
		require.NoError(t, err)
		defer n.Close()
		require.Less(t, time.Since(began), 10*time.Second, "Open does not wait for a store")
		require.Equal(t, 3, intents(n))
		release()
		time.Sleep(time.Minute)
		require.Zero(t, intents(n))
	})
}
