package ufs_test

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/objects"
	"github.com/millpond/millpond/ufs/objects/objectstest"
)

// summing runs a test over a bucket that tells checksums.
func summing(t *testing.T, test func(w *world, data []byte)) {
	t.Helper()
	over(t, ufs.Options{Attempts: 3, DisableBreaker: true}, func() driver.Store {
		return objects.New(objectstest.New(&objectstest.Options{Sums: true}), "")
	}, func(w *world) {
		data := pattern(5000)
		w.put("f", data)
		test(w, data)
	})
}

// TestChecksumOfABody: a wrong byte is told instead of the last ones, also if the body broke after it and went on.
func TestChecksumOfABody(t *testing.T) {
	for _, script := range []string{"open nth=1 flip=10", "open nth=1 flip=10 cut=1000", "open nth=1 flip=4999"} {
		summing(t, func(w *world, data []byte) {
			w.play(script)
			got, err := w.read("f", 0, -1)
			require.ErrorIs(t, err, driver.ErrChecksum, script)
			require.Less(t, len(got), len(data), "the last bytes do not come: %s", script)
			got, err = w.read("f", 0, -1)
			require.NoError(t, err)
			require.Equal(t, data, got)
		})
	}
}

// TestFetchBeginsAnew where the checksum does not match, as often as any call is made.
func TestFetchBeginsAnew(t *testing.T) {
	for _, c := range []struct {
		script  string
		off, n  int64
		opens   int
		checked bool
		err     error
	}{
		{"", 0, 5000, 1, true, nil},
		{"open flip=10 nth=1", 0, 5000, 2, true, nil},
		{"open flip=10 nth=1", 0, -1, 2, true, nil},
		{"open flip=10 nth=1-2", 0, 9000, 3, true, nil},
		{"open flip=10", 0, 5000, 3, true, driver.ErrChecksum},
		{"", 0, 4999, 1, false, nil},
		{"", 1, -1, 1, false, nil},
	} {
		summing(t, func(w *world, data []byte) {
			w.play(c.script)
			var got []byte
			calls := w.made(func() {
				err := w.s.Fetch(w.Context(), "f", "", c.off, c.n, func(body io.Reader, checked bool) (err error) {
					require.Equal(t, c.checked, checked)
					got, err = io.ReadAll(body)
					return err
				})
				require.ErrorIs(t, err, c.err)
			})
			require.Len(t, calls, c.opens, "%v", c)
			if c.err == nil {
				require.Equal(t, data[c.off:][:len(got)], got)
			}
		})
	}
}

// TestReadAtFetchesAgain what does not match.
func TestReadAtFetchesAgain(t *testing.T) {
	summing(t, func(w *world, data []byte) {
		w.play("open nth=1 flip=10")
		p := make([]byte, len(data))
		n, err := w.s.ReadAt(w.Context(), "f", "", p, 0)
		require.NoError(t, err)
		require.Equal(t, data, p[:n])
	})
}
