package arena_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/tier/internal/arena"
)

// heapOf is how many bytes of the Go heap an arena of size bytes takes, all of them written.
func heapOf(t *testing.T, size int64) int64 {
	t.Helper()
	before := heapNow()
	a, err := arena.New(size)
	require.NoError(t, err)
	e, err := a.Alloc(int(size))
	require.NoError(t, err)
	clear(a.Bytes(e))
	took := heapNow() - before
	require.NoError(t, a.Close())
	return took
}

func heapNow() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
