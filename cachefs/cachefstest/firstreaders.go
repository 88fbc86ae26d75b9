package cachefstest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/tier"
	"github.com/millpond/millpond/ufs"
)

const (
	firstFiles   = 100
	firstReaders = 8
	firstBlock   = 64 << 10
	firstBlocks  = 3
	firstSize    = firstBlock*(firstBlocks-1) + 1000
)

// FirstReaders is item 59 of the conformance table, for a driver's tests: 8 readers are the first who want a file that
// is not cached, 100 times. All get all bytes, and each block is read from the store once. s is an empty place, with
// ufs.Options.DisableHedge, since a hedge is a second read; put makes a file of it past the driver. The files have 13 MiB together.
func FirstReaders(t *testing.T, s *ufs.Store, put func(key string, data []byte)) {
	t.Helper()
	content := make([][]byte, firstFiles)
	for i := range content {
		content[i] = make([]byte, firstSize)
		rand.NewChaCha8([32]byte{byte(i)}).Read(content[i])
		put(fmt.Sprint("file", i), content[i])
	}
	n, err := cachefs.Open(t.Context(), cachefs.Config{
		Tiers:     []tier.Config{{Kind: tier.Memory, Size: 64 << 20}},
		Mounts:    []cachefs.MountConfig{{Path: MountPath, Store: s}},
		BlockSize: firstBlock,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	before := s.Metrics()
	for i, want := range content {
		together(t, n, fmt.Sprintf("%s/file%d", MountPath, i), want)
	}
	after := s.Metrics()
	require.EqualValues(t, firstFiles*firstBlocks, after.Calls["open"].Calls-before.Calls["open"].Calls, "bodies opened")
	require.EqualValues(t, firstFiles*firstSize, after.BytesRead-before.BytesRead, "bytes read from the store")
}

// together lets the readers begin at the same time.
func together(t *testing.T, n *cachefs.Node, path string, want []byte) {
	t.Helper()
	var ready, done sync.WaitGroup
	ready.Add(firstReaders)
	errs := make([]error, firstReaders)
	for i := range errs {
		done.Go(func() {
			ready.Done()
			ready.Wait()
			errs[i] = holds(t.Context(), n, path, want)
		})
	}
	done.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
}

// holds reads a whole file and compares it.
func holds(ctx context.Context, n *cachefs.Node, path string, want []byte) error {
	f, err := n.Open(ctx, path, nil)
	if err != nil {
		return err
	}
	defer f.Close()
	got, err := io.ReadAll(f)
	if err == nil && !bytes.Equal(want, got) {
		err = fmt.Errorf("%s: %d bytes that are not the %d in the store", path, len(got), len(want))
	}
	return err
}
