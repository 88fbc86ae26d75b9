package cachefs_test

import (
	"bytes"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/bubbletest"
)

// A block that was on its way when its file was freed is given to who asked for it, and is not cached; who asks later
// has it cached again.
func TestFreeBesideAFill(t *testing.T) {
	offsets := map[string]int64{
		"from the block's start":   0,
		"far inside a cold block":  2 << 20, // a range first, the rest of the block behind it
		"in the file's last bytes": 3<<20 - 4096,
	}
	for name, off := range offsets {
		t.Run(name, func(t *testing.T) {
			bubbletest.Test(t, func(t *testing.T) { freeBesideAFill(t, off) })
		})
	}
}

func freeBesideAFill(t *testing.T, off int64) {
	c := cachefstest.New(t, 1)
	n, want := c.Node(), content(1, 3<<20)
	putStore(t, c, "f", want)
	info, err := n.Stat(t.Context(), "/mem/f", nil)
	require.NoError(t, err)
	require.EqualValues(t, len(want), info.Size())
	gate := make(chan struct{})
	c.Store.OnCall(func(op, _ string) error { <-gate; return nil })

	f, err := n.Open(t.Context(), "/mem/f", nil)
	require.NoError(t, err)
	defer f.Close()
	p := make([]byte, 4096)
	read := make(chan error, 1)
	go func() {
		_, err := f.ReadAt(p, off)
		read <- err
	}()
	synctest.Wait()
	require.NoError(t, n.Free(t.Context(), "/mem/f", nil))
	require.Empty(t, cachefs.Blocks(n))
	close(gate)
	require.NoError(t, <-read)
	require.True(t, bytes.Equal(want[off:][:len(p)], p))
	synctest.Wait()
	require.Empty(t, cachefs.Blocks(n), "Free has returned")

	require.True(t, bytes.Equal(want, readAll(t, n, "/mem/f")))
	synctest.Wait()
	require.Len(t, cachefs.Blocks(n), 1, "read again")
}

// A file that is freed while it is loaded was loaded, and then freed.
func TestFreeBesideLoad(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		c := cachefstest.New(t, 1)
		n := c.Node()
		putStore(t, c, "f", content(1, 100_000))
		gate := make(chan struct{})
		c.Store.OnCall(func(op, _ string) error {
			if op == "open" {
				<-gate
			}
			return nil
		})
		job, err := n.Load(t.Context(), "/mem/f", nil)
		require.NoError(t, err)
		synctest.Wait()
		require.NoError(t, n.Free(t.Context(), "/mem/f", nil))
		close(gate)
		require.NoError(t, job.Wait(t.Context()))
		synctest.Wait()
		require.Empty(t, cachefs.Blocks(n))
	})
}
