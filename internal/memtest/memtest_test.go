//go:build linux && !race

package memtest_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/memtest"
)

// TestPeak sees memory that was taken and given back, and forgets it when it is asked to look anew.
func TestPeak(t *testing.T) {
	const size = 64 << 20
	before := memtest.Resident(t)
	require.Positive(t, before)
	p := make([]byte, size)
	for i := 0; i < size; i += 4096 {
		p[i] = 1
	}
	runtime.KeepAlive(p)
	require.Greater(t, memtest.Peak(t), before+size/2)
}
