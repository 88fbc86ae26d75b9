package cachefs_test

import (
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
)

// spilledTo begins a file on the full node a, of which another node has taken blocks: the host.
func (s *several) spilledTo(path string, want []byte, how cachefs.WriteType) (w *cachefs.Writer, host string) {
	s.Helper()
	before := map[string]int{}
	for id, n := range s.nodes {
		before[id] = heldBlocks(n)
	}
	w, err := s.nodes["a"].Create(s.Context(), path, &cachefs.CreateOptions{WriteType: how, ReplicasMin: 1})
	require.NoError(s, err)
	_, err = w.Write(want)
	require.NoError(s, err)
	for _, id := range s.others("a") {
		if heldBlocks(s.nodes[id]) > before[id] {
			require.Empty(s, host, "one host a file")
			host = id
		}
	}
	require.NotEmpty(s, host)
	return w, host
}

// whenAsked has something happen when a node has answered the k-th time that it has the copies that it was asked for, before the
// one that asked hears of it. The first thing that Close asks a host for is the last block, the second all that it lacks.
func (s *several) whenAsked(host string, k int32, happens func()) {
	var asked atomic.Int32
	s.rig.AfterCalls(func(_, to, method string) {
		if to == host && method == "cachefs.hold" && asked.Add(1) == k {
			happens()
		}
	})
}

// TestHostLeavesBeforeComplete: the node that took what its writer had no room for says that it leaves, between its answer
// and the entry that would make it the file's home. Another one takes all of it, or the store; only without either is it an error.
func TestHostLeavesBeforeComplete(t *testing.T) {
	for name, c := range map[string]struct {
		path string
		how  cachefs.WriteType
		full []string // nodes without room
	}{
		"another node takes it":      {"/f", cachefs.MustCache, []string{"a"}},
		"another, until it is saved": {"/m/f", cachefs.AsyncThrough, []string{"a"}},
		"the store takes it":         {"/m/f", cachefs.AsyncThrough, []string{"a", "c"}},
		"nobody has room":            {"/f", cachefs.MustCache, []string{"a", "c"}},
	} {
		t.Run(name, func(t *testing.T) {
			overSeveral(t, 3, tiny(false, c.full...), func(s *several) {
				want := randomBytes(20*64<<10 + 1000)
				if len(c.full) > 1 {
					s.stuff("c")
				}
				w, host := s.spilledTo(c.path, want, c.how)
				s.whenAsked(host, 2, func() { require.NoError(s, cachefs.SayLeaving(s.Context(), s.nodes["a"], host)) })
				err := w.Close()
				s.rig.AfterCalls(nil)
				if name == "nobody has room" {
					require.ErrorIs(s, err, cachefs.ErrNoSpace)
					s.requireNone(c.path)
					return
				}
				require.NoError(s, err)
				require.NotContains(s, s.homes(c.path), host)
				s.everywhere(func(n *cachefs.Node) { require.NoError(s, same(readAll(s.T, n, c.path), want, 0), n.ID()) })
				require.Zero(s, heldBlocks(s.nodes[host]), "nobody counts on it")
			})
		})
	}
}

// TestHostGoneBeforeComplete: blocks that only a node had that has gone cannot be had again, which is not a want of room.
func TestHostGoneBeforeComplete(t *testing.T) {
	for path, how := range map[string]cachefs.WriteType{"/f": cachefs.MustCache, "/m/f": cachefs.AsyncThrough} {
		t.Run(path, func(t *testing.T) {
			overSeveral(t, 4, tiny(false, "a"), func(s *several) {
				w, host := s.spilledTo(path, randomBytes(20*64<<10+1000), how)
				s.whenAsked(host, 1, func() { s.crash(host) })
				err := w.Close()
				s.rig.AfterCalls(nil)
				require.ErrorContains(s, err, "no other takes all of the file")
				require.NotErrorIs(s, err, cachefs.ErrNoSpace)
			})
		})
	}
}

// TestOneTakesNoCopies: a full node's file is to have two homes; one takes it, and the other does not, for a reason that is not want of
// room. With AsyncThrough the store has the file.
func TestOneTakesNoCopies(t *testing.T) {
	overSeveral(t, 3, tiny(false, "a"), func(s *several) {
		s.refusesCopies("c")
		want := randomBytes(20*64<<10 + 1000)
		require.NoError(s, writeFile(s.Context(), s.nodes["a"], "/m/f", want, cachefs.CreateOptions{WriteType: cachefs.AsyncThrough}))
		require.Equal(s, cachefs.Persisted, s.state("/m/f"))
		s.requireStored("f", want)
		s.everywhere(func(n *cachefs.Node) { require.Zero(s, heldBlocks(n), n.ID()) })
		err := writeFile(s.Context(), s.nodes["a"], "/f", want, cachefs.CreateOptions{})
		require.ErrorContains(s, err, "it takes no copies")
		require.NotErrorIs(s, err, cachefs.ErrNoSpace)
	})
}
