package cachefs_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/objects"
	"github.com/millpond/millpond/ufs/objects/objectstest"
	"github.com/millpond/millpond/ufs/ufstest"
)

// summingNode is a node over a bucket that tells checksums, at /b, with a second between two tries.
func summingNode(t *testing.T) (*cachefs.Node, *objectstest.Bucket, *ufstest.Faulty) {
	bucket := objectstest.New(&objectstest.Options{Sums: true})
	faulty, err := ufstest.NewFaulty(objects.New(bucket, ""), "")
	require.NoError(t, err)
	store, err := ufs.New(faulty, "test://bucket", &ufs.Options{Attempts: 3, BaseDelay: time.Second, DisableBreaker: true, DisableHedge: true})
	require.NoError(t, err)
	c := cachefstest.New(t, 1, func(cfg *cachefs.Config) {
		cfg.BlockSize = 64 << 10
		cfg.Mounts = []cachefs.MountConfig{{Path: "/b", Store: store}}
	})
	return c.Node(), bucket, faulty
}

// A byte that was flipped on its way is fetched again where the store tells a checksum, whichever way the file is read.
func TestFlippedByteIsFetchedAgain(t *testing.T) {
	for way, read := range waysToRead {
		t.Run(way, func(t *testing.T) { fetchedAgain(t, cachefs.CachePromote, read) })
	}
	t.Run("NoCache", func(t *testing.T) { fetchedAgain(t, cachefs.NoCache, waysToRead["ReadAt"]) }) // one request, so that it has one
}

func fetchedAgain(t *testing.T, rt cachefs.ReadType, read func(f *cachefs.File) ([]byte, error)) {
	bubbletest.Test(t, func(t *testing.T) {
		n, bucket, faulty := summingNode(t)
		data := content(1, 50_000)
		bucket.Set("f", string(data))
		f, err := n.Open(t.Context(), "/b/f", &cachefs.OpenOptions{ReadType: rt})
		require.NoError(t, err)
		defer f.Close()
		require.NoError(t, faulty.Play("open nth=1 flip=10"))
		got, err := read(f)
		require.NoError(t, err)
		require.NoError(t, same(got, data, 0))
	})
}

// The wrong byte comes, then the body breaks: for a second it lies in memory, and whoever wants it waits.
func TestNobodySeesAByteBeforeItsChecksum(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		n, bucket, faulty := summingNode(t)
		data := content(1, 50_000)
		bucket.Set("f", string(data))
		f, err := n.Open(t.Context(), "/b/f", nil)
		require.NoError(t, err)
		defer f.Close()
		require.NoError(t, faulty.Play("open nth=1 flip=10 cut=20000"))
		read := make(chan error, 1)
		go func() {
			got := make([]byte, 100)
			_, err := f.ReadAt(got, 0)
			if err == nil {
				err = same(got, data[:100], 0)
			}
			read <- err
		}()
		synctest.Wait()
		require.Empty(t, read, "the checksum has not come")
		require.NoError(t, <-read)
		require.Equal(t, 3, bucket.Requests()["get"], "the body, its rest, and the whole again")
	})
}

// A store whose bytes never match is an error, and none of them is shown.
func TestWrongBytesForEver(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		n, bucket, faulty := summingNode(t)
		bucket.Set("f", string(content(1, 50_000)))
		f, err := n.Open(t.Context(), "/b/f", nil)
		require.NoError(t, err)
		defer f.Close()
		require.NoError(t, faulty.Play("open flip=10"))
		m, err := f.ReadAt(make([]byte, 100), 0)
		require.ErrorIs(t, err, ufs.ErrChecksum)
		require.Zero(t, m)
		require.Equal(t, 3, bucket.Requests()["get"])
	})
}
