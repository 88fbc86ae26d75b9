package link_test

import (
	"bytes"
	"context"
	"os"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/peer/internal/link"
)

// A file system that gives no file to a socket has its blocks read and written. This process's memory is such a file.
func TestFileThatNoSocketTakes(t *testing.T) {
	m := newMesh(t)
	a := m.add("a", &handler{}, nil)
	block := random(1<<20 + 99)
	f, err := os.Open("/proc/self/mem")
	require.NoError(t, err)
	defer f.Close()
	at := int64(uintptr(unsafe.Pointer(&block[0])))
	sums := sumsOf(block)
	m.add("b", &handler{block: func(_ context.Context, _ string, r *link.BlockRequest, w *link.BlockWriter) error {
		return w.SendFile(f, at+r.Off, r.Length, sums[r.Off>>16:])
	}}, nil)
	for _, off := range []int{0, 64 << 10, 1 << 20} {
		dst := make([]byte, len(block)-off)
		_, err := a.ReadBlock(t.Context(), "b", link.BlockRequest{Off: int64(off), Length: int64(len(dst))}, [][]byte{dst}, nil)
		require.NoError(t, err)
		require.True(t, bytes.Equal(block[off:], dst))
	}
}
