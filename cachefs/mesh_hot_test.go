package cachefs_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/peer"
)

// hotMesh is a mesh whose node owner alone has a file of one block.
func hotMesh(t *testing.T, n int) (r *readers, owner int) {
	r, _ = openMesh(t, n)
	r.put("hot", 10_000)
	info, err := r.nodes[0].Stat(t.Context(), "/mem/hot", nil)
	require.NoError(t, err)
	first := cachefs.Owner(r.nodes[0], cachefs.Key(info))
	for r.nodes[owner].ID() != first {
		owner++
	}
	r.expect(owner, "hot", cachefs.CachePromote)
	return r, owner
}

// ask lets nodes read the hot file without keeping it, and returns the owner's part of what they were sent.
func (r *readers) ask(owner int, nodes []int) float64 {
	before, from := uint64(0), r.nodes[owner].Metrics().Served.Memory
	for _, i := range nodes {
		before += r.nodes[i].Metrics().PeerBytes
	}
	for range 200 {
		for _, i := range nodes {
			r.expect(i, "hot", cachefs.NoCache)
		}
		time.Sleep(20 * time.Millisecond)
	}
	sent := uint64(0)
	for _, i := range nodes {
		sent += r.nodes[i].Metrics().PeerBytes
	}
	return float64(r.nodes[owner].Metrics().Served.Memory-from) / float64(sent-before)
}

// TestHotBlockIsSpread: a block that is asked for again and again is served by those who have copies as well, as many as there are;
// also when they come, or lose what they had.
func TestHotBlockIsSpread(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		r, owner := hotMesh(t, 6)
		var keep, ask []int
		for i := range r.nodes {
			switch {
			case i == owner:
			case len(keep) < 3:
				keep = append(keep, i)
			default:
				ask = append(ask, i)
			}
		}
		require.Greater(t, r.ask(owner, ask), 0.99, "nobody else has it")
		for _, i := range keep {
			r.expect(i, "hot", cachefs.CachePromote)
		}
		time.Sleep(20 * time.Second)
		require.Less(t, r.ask(owner, ask), 0.45, "one of four has a quarter, and what comes before that is known")
		require.EqualValues(t, len(r.files["hot"]), r.sent(), "bytes that the store sent")

		require.NoError(t, r.nodes[keep[0]].Close())
		require.Less(t, r.ask(owner, ask), 0.55, "one of three has a third")
		cachefs.DropAll(r.nodes[keep[1]])
		cachefs.DropAll(r.nodes[keep[2]])
		require.Greater(t, r.ask(owner, ask), 0.9, "who lost it is not asked again and again")
	})
}

// TestColdBlocksAreNotToldOf: only what is asked for often, of late, is.
func TestColdBlocksAreNotToldOf(t *testing.T) {
	now := time.Now()
	hot := cachefs.NewHot()
	var key, other peer.Key
	ask := func(key peer.Key, n int) (told []string) {
		for range n {
			told = hot.Asked(key, "asks", now)
		}
		return told
	}
	require.Empty(t, ask(key, 1))
	hot.Kept(key, "keeps")
	hot.Kept(key, "asks")
	require.Empty(t, ask(key, 30))
	require.Equal(t, []string{"keeps"}, ask(key, 1), "not the one that asks")
	require.Equal(t, "keeps", hot.Asked(key, "another", now)[0])
	now = now.Add(4 * time.Second)
	require.Empty(t, ask(key, 1), "half of them are forgotten")
	require.NotEmpty(t, ask(key, 20))

	other[15] = 1 // which has no part in the place
	require.Empty(t, ask(other, 10))
	require.NotEmpty(t, ask(key, 10), "another block takes its place when it is cold only")
	now = now.Add(time.Minute)
	require.Empty(t, ask(other, 1))
	require.Empty(t, ask(key, 100), "and then it begins anew")

	for i := range 100 {
		hot.Kept(key, string(rune('A'+i)))
	}
	require.LessOrEqual(t, len(ask(key, 100)), 16)
}
