package cachefs_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
)

// TestCopiesOfLoadGoWithTheirNode: what Load makes of a file that its store has is cache. Nobody makes it anew when a node goes;
// the next Load does.
func TestCopiesOfLoadGoWithTheirNode(t *testing.T) {
	overSeveral(t, 3, nil, func(s *several) {
		ctx, a := s.Context(), s.nodes["a"]
		want := randomBytes(3 * 64 << 10)
		o := cachefs.CreateOptions{WriteType: cachefs.Through, ReplicasMin: 2}
		require.NoError(s, writeFile(ctx, a, "/m/f", want, o))
		load := func() {
			job, err := s.rig.Living()[0].Load(ctx, "/m/f", nil)
			require.NoError(s, err)
			require.NoError(s, job.Wait(ctx))
		}
		copies := func() (k int) {
			for _, n := range s.rig.Living() {
				k += len(marks(n))
			}
			return k
		}
		s.settle()
		load()
		require.Equal(s, 6, copies())
		left := 6
		for _, id := range s.others(s.rig.Primary().ID()) {
			if k := len(marks(s.nodes[id])); k > 0 {
				left -= k
				s.crash(id)
				break
			}
		}
		require.Less(s, left, 6)
		time.Sleep(5 * time.Minute)
		require.Equal(s, left, copies())
		load()
		require.Equal(s, 6, copies())
	})
}

// TestLoadOfWhatOthersDoNotKnowYet: a node that is to bring a block has not heard yet that the file is complete. It is waited for.
func TestLoadOfWhatOthersDoNotKnowYet(t *testing.T) {
	overSeveral(t, 3, nil, func(s *several) {
		ctx, primary := s.Context(), s.rig.Primary()
		late := s.others(primary.ID())[0]
		w, err := primary.Create(ctx, "/m/f", &cachefs.CreateOptions{WriteType: cachefs.Through, ReplicasMin: 3})
		require.NoError(s, err)
		_, err = w.Write(randomBytes(3 * 64 << 10))
		require.NoError(s, err)
		s.settle()
		s.rig.CutJournals(primary.ID(), late)
		require.NoError(s, w.Close())
		job, err := primary.Load(ctx, "/m/f", nil)
		require.NoError(s, err)
		time.Sleep(500 * time.Millisecond)
		require.Empty(s, marks(s.nodes[late]))
		s.rig.Heal()
		require.NoError(s, job.Wait(ctx))
		require.Len(s, marks(s.nodes[late]), 3)
	})
}
