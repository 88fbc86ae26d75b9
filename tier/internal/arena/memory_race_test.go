//go:build race

package arena_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMemoryIsHeapUnderTheDetector, which sees nothing else.
func TestMemoryIsHeapUnderTheDetector(t *testing.T) {
	require.GreaterOrEqual(t, heapOf(t, 64<<20), int64(64<<20))
}
