package cachefs_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/bubbletest"
)

// TestReplicasMax: passive copies stop there; the others read all the same, and the store is asked once.
func TestReplicasMax(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		r, _ := openMesh(t, 4)
		want := r.put("f", 12*meshBlock)
		_, err := r.nodes[0].Stat(t.Context(), "/mem/f", nil)
		require.NoError(t, err)
		most := 2
		require.NoError(t, r.nodes[0].SetAttr(t.Context(), "/mem/f", &cachefs.AttrOptions{ReplicasMax: &most}))
		time.Sleep(time.Second) // all know of it
		for range 2 {
			for i := range r.nodes {
				r.expect(i, "f", cachefs.CachePromote)
			}
		}
		list, err := r.nodes[0].Locate(t.Context(), "/mem/f", nil)
		require.NoError(t, err)
		require.Len(t, list, 12)
		for _, b := range list {
			require.LessOrEqual(t, len(b.Nodes), 2)
			require.NotEmpty(t, b.Nodes)
		}
		require.EqualValues(t, len(want), r.sent())
	})
}

// FuzzHint: what a peer says of a block is taken as it was said, or refused.
func FuzzHint(f *testing.F) {
	f.Add([]byte{1, 0, 0, 5, 128, 128, 64, 4, '/', 'm', 'e', 'm', 1, 'f', 2, 'v', '1'})
	f.Add([]byte{1, 2})
	f.Add([]byte{1, 5, 0, 5, 128, 128, 64, 4, '/', 'm', 'e', 'm', 1, 'f', 2, 'v', '1'})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		again, err := cachefs.RecodeHint(b)
		if err != nil {
			return
		}
		twice, err := cachefs.RecodeHint(again)
		require.NoError(t, err)
		require.Equal(t, again, twice)
	})
}

// FuzzMeta: what a member tells of its run and its journal is all that it told, or nothing.
func FuzzMeta(f *testing.F) {
	f.Add([]byte("0123456789abcdefjournal"))
	f.Add([]byte("0123456789abcdef"))
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		run, journal := cachefs.ParseMeta(b)
		if len(b) < len(run) {
			require.Zero(t, run)
			require.Empty(t, journal)
			return
		}
		require.Equal(t, b, append(run[:], journal...))
	})
}
