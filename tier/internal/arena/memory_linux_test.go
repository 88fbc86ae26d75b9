//go:build linux && !race

package arena_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/tier/internal/arena"
)

// TestMemoryIsOutsideTheHeap: what an arena has, full or not, is nothing to the collector.
func TestMemoryIsOutsideTheHeap(t *testing.T) {
	require.Less(t, heapOf(t, 256<<20), int64(8<<20))
}

// TestHugePagesAreAskedFor finds the arena's mapping, which has been advised.
func TestHugePagesAreAskedFor(t *testing.T) {
	if _, err := os.Stat("/sys/kernel/mm/transparent_hugepage"); err != nil {
		t.Skip("the system has none: ", err)
	}
	a, err := arena.New(64 << 20)
	require.NoError(t, err)
	defer a.Close()
	e, err := a.Alloc(1 << 20)
	require.NoError(t, err)
	at := uintptr(unsafe.Pointer(unsafe.SliceData(a.Bytes(e))))
	smaps, err := os.ReadFile("/proc/self/smaps")
	require.NoError(t, err)
	inside := false
	for line := range strings.Lines(string(smaps)) {
		var from, to uintptr
		if n, _ := fmt.Sscanf(line, "%x-%x ", &from, &to); n == 2 {
			inside = from <= at && at < to
		}
		if flags, ok := strings.CutPrefix(line, "VmFlags:"); ok && inside {
			require.Contains(t, strings.Fields(flags), "hg")
			return
		}
	}
	t.Fatal("the arena is in no mapping")
}
