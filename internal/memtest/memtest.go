// Package memtest tells tests how much memory the process takes. Resident and Peak are 0 where the system does not say, and under the race
// detector, whose own memory is several times that.
package memtest

import (
	"bytes"
	"os"
	"runtime"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// InUse is how many bytes of the Go heap and of stacks are in use, after a collection.
func InUse() int64 {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapInuse + s.StackInuse)
}

// Resident is how many bytes of memory the process has, and where Peak begins to look.
func Resident(t testing.TB) int64 {
	t.Helper()
	if !told {
		return 0
	}
	runtime.GC()
	require.NoError(t, os.WriteFile("/proc/self/clear_refs", []byte("5"), 0), "forget the peak so far")
	return status(t, "VmRSS:")
}

// Peak is the most bytes of memory that the process has had since Resident.
func Peak(t testing.TB) int64 {
	t.Helper()
	if !told {
		return 0
	}
	return status(t, "VmHWM:")
}

// status is a line of /proc/self/status, in bytes.
func status(t testing.TB, name string) int64 {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	_, after, ok := bytes.Cut(text, []byte(name))
	require.True(t, ok)
	kib, err := strconv.ParseInt(string(bytes.Fields(after)[0]), 10, 64)
	require.NoError(t, err)
	return kib << 10
}
