package cachefs_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/memufs"
	"github.com/millpond/millpond/ufs/ufstest"
)

// forgetful lists files with their length, and opens them as if they ended after 1,000 bytes, under the same version.
type forgetful struct{ driver.Store }

func (s forgetful) Open(ctx context.Context, key string, off, n int64, version string) (io.ReadCloser, driver.Attr, error) {
	rc, a, err := s.Store.Open(ctx, key, off, n, version)
	a.Size = 1000
	if err != nil {
		return rc, a, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(rc, max(0, a.Size-off)), rc}, a, nil
}

// A file that is shorter in its store than the store said is an error, not a short file.
func TestStoreShorterThanItSaid(t *testing.T) {
	inner := memufs.New(nil)
	store, err := ufs.New(forgetful{ufstest.Driver(inner.UFS())}, inner.UFS().ID(), &ufs.Options{DisableHedge: true})
	require.NoError(t, err)
	require.NoError(t, putOutside(t.Context(), inner.UFS(), "f", content(1, 200_000)))
	n := cachefstest.New(t, 1, func(cfg *cachefs.Config) {
		cfg.BlockSize = 64 << 10
		cfg.Mounts = []cachefs.MountConfig{{Path: "/mem", Store: store}}
	}).Node()
	for way, read := range waysToRead {
		for name, rt := range map[string]cachefs.ReadType{"cached": cachefs.CachePromote, "NoCache": cachefs.NoCache} {
			t.Run(way+"/"+name, func(t *testing.T) {
				f, err := n.Open(t.Context(), "/mem/f", &cachefs.OpenOptions{ReadType: rt})
				require.NoError(t, err)
				defer f.Close()
				got, err := read(f)
				require.Error(t, err, "%d bytes and no error", len(got))
				require.False(t, errors.Is(err, io.EOF), "%v is taken for the end", err)
			})
		}
	}
}
