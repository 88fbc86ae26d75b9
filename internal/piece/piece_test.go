package piece_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/piece"
)

// TestSum: what disks hold stays readable, however its bytes came. The first value is the reference implementation's.
func TestSum(t *testing.T) {
	require.Equal(t, uint64(0x2d06800538d394c2), piece.Sum(nil))
	long := bytes.Repeat([]byte("0123456789abcdef"), piece.Size/16)
	for _, n := range []int{0, 1, 100, 241, 1025, 4096, piece.Size - 1, piece.Size} {
		for _, at := range []int{0, 1, 8, 1024, 1089, 4095} {
			var h piece.Hasher
			h.Reset()
			h.Write(long[:min(at, n)])
			h.Write(long[min(at, n):n])
			require.Equal(t, piece.Sum(long[:n]), h.Sum64(), "%d bytes in two parts, %d first", n, at)
		}
	}
}
