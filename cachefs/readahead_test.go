package cachefs_test

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/memufs"
)

// TestReadAhead counts the blocks, of 1 MiB, that reads of a cold file bring, themselves and ahead.
func TestReadAhead(t *testing.T) {
	type read struct{ off, n, blocks int } // blocks brought so far by then
	const kb, mb = 1 << 10, 1 << 20
	for name, reads := range map[string][]read{
		"random":             {{5 * mb, 4 * kb, 1}, {20 * mb, 4 * kb, 2}, {11*mb + 900*kb, 4 * kb, 3}, {2 * mb, 4 * kb, 4}},
		"a header":           {{0, 4 * kb, 1}, {4 * kb, 8 * kb, 1}},
		"one large read":     {{0, 900 * kb, 1}},
		"sequential":         {{0, 256 * kb, 1}, {256 * kb, 256 * kb, 3}, {512 * kb, 512 * kb, 3}, {1 * mb, 256 * kb, 6}},
		"first in block one": {{1 * mb, 4 * kb, 1}},
		"jumps in a block":   {{0, 300 * kb, 1}, {600 * kb, 300 * kb, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			bubbletest.Test(t, func(t *testing.T) {
				f, n := coldFile(t, 32*mb)
				for _, r := range reads {
					_, err := f.ReadAt(make([]byte, r.n), int64(r.off))
					require.NoError(t, err)
					time.Sleep(time.Microsecond) // what was queued begins
					require.EqualValues(t, r.blocks, n.Metrics().Fills, "after %d KiB at %d KiB", r.n/kb, r.off/kb)
				}
			})
		})
	}
}

// coldFile opens a file that only the store has, whose bodies bring 64 KiB a millisecond.
func coldFile(t *testing.T, size int) (*cachefs.File, *cachefs.Node) {
	mem := memufs.New(nil)
	s, err := ufs.New(trickling{mem}, "trickling://", nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	w, err := s.Create(t.Context(), "f", ufs.CreateOptions{})
	require.NoError(t, err)
	_, err = w.Write(make([]byte, size))
	require.NoError(t, err)
	_, err = w.Commit(t.Context())
	require.NoError(t, err)
	c := cachefstest.New(t, 1, func(cfg *cachefs.Config) {
		cfg.BlockSize = 1 << 20
		cfg.Mounts = []cachefs.MountConfig{{Path: "/slow", Store: s}}
	})
	f, err := c.Node().Open(t.Context(), "/slow/f", nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Close()) })
	return f, c.Node()
}

// trickling is a store of slow bodies.
type trickling struct{ *memufs.Store }

func (s trickling) Open(ctx context.Context, key string, off, n int64, version string) (io.ReadCloser, driver.Attr, error) {
	rc, a, err := s.Store.Open(ctx, key, off, n, version)
	if err == nil {
		rc = trickle{rc}
	}
	return rc, a, err
}

type trickle struct{ io.ReadCloser }

func (b trickle) Read(p []byte) (int, error) {
	time.Sleep(time.Millisecond) // of the bubble
	return b.ReadCloser.Read(p[:min(len(p), 64<<10)])
}
