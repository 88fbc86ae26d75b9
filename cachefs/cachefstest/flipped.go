package cachefstest

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/faultproxy"
	"github.com/millpond/millpond/ufs"
)

// Flipped is for the tests of a remote driver of this repository whose store tells checksums: a byte that is flipped in the answer to a
// request of the kind get is fetched again, and no reader sees it. s is a fresh place behind the proxy p. A file of size bytes is
// written to it, and read in blocks of that many.
func Flipped(t *testing.T, p *faultproxy.Proxy, s *ufs.Store, get string, size, block int64) {
	t.Helper()
	want := make([]byte, size)
	rand.NewChaCha8([32]byte{1}).Read(want)
	Put(t, s, "f", string(want))
	n, err := cachefs.Open(t.Context(), cachefs.Config{BlockSize: block, ReadAhead: -1, Mounts: []cachefs.MountConfig{{Path: MountPath, Store: s}}})
	require.NoError(t, err)
	defer n.Close()
	f, err := n.Open(t.Context(), MountPath+"/f", nil)
	require.NoError(t, err)
	defer f.Close()
	for off := int64(0); off < size; off += block {
		want := want[off:min(off+block, size)]
		p.Reset()
		p.On(faultproxy.Rule{Kinds: []string{get}, Times: 1, Fault: faultproxy.Flip(int64(len(want) / 2))})
		got := make([]byte, len(want))
		_, err = f.ReadAt(got, off)
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, got), "a flipped byte of the block at %d was handed out", off)
		require.Equal(t, 2, p.Counts()[get], "the block at %d is fetched twice", off)
	}
}
