package cachefs_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/memufs"
)

// boasting is a store that says of its files whose keys are in sizes that they are so long.
type boasting struct {
	*memufs.Store
	sizes map[string]int64
}

func (b *boasting) claim(a driver.Attr) driver.Attr {
	if size, ok := b.sizes[a.Key]; ok {
		a.Size = size
	}
	return a
}

func (b *boasting) Stat(ctx context.Context, key string) (driver.Attr, error) {
	a, err := b.Store.Stat(ctx, key)
	return b.claim(a), err
}

func (b *boasting) List(ctx context.Context, o driver.ListOptions) (driver.Page, error) {
	p, err := b.Store.List(ctx, o)
	for i := range p.Entries {
		p.Entries[i] = b.claim(p.Entries[i])
	}
	return p, err
}

// A length that no blocks can be numbered for is refused by who looks at the file, and left out and counted by a listing.
func TestLengthsBeyondAllBlocks(t *testing.T) {
	store := &boasting{memufs.New(nil), map[string]int64{"d/huge": math.MaxInt64, "d/below": -1}}
	s, err := ufs.New(store, "mem://boasting", nil)
	require.NoError(t, err)
	defer s.Close()
	n, err := cachefs.Open(t.Context(), cachefs.Config{Mounts: []cachefs.MountConfig{{Path: "/m", Store: s}}})
	require.NoError(t, err)
	defer n.Close()
	for _, key := range []string{"d/huge", "d/below", "d/sound"} {
		w, err := s.Create(t.Context(), key, ufs.CreateOptions{Parents: true})
		require.NoError(t, err)
		_, err = w.Commit(t.Context())
		require.NoError(t, err)
	}
	for _, path := range []string{"/m/d/huge", "/m/d/below"} {
		err := second(n.Stat(t.Context(), path, nil))
		require.ErrorIs(t, err, cachefs.ErrInvalid)
		require.ErrorContains(t, err, "bytes")
		require.ErrorIs(t, second(n.Open(t.Context(), path, nil)), cachefs.ErrInvalid)
	}
	has, err := names(n.List(t.Context(), "/m/d", nil), "/m/d")
	require.NoError(t, err)
	require.Equal(t, []string{"sound 0"}, has)
	require.EqualValues(t, 2, n.Metrics().SkippedNames)
}
