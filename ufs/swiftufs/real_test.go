package swiftufs_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/swiftufs"
	"github.com/millpond/millpond/ufs/ufstest"
)

// TestServerSegments: those of an object that is overwritten or deleted go with it; the new ones stay readable.
func TestServerSegments(t *testing.T) {
	s := connect(t)
	st := s.open(t, "p")
	write := func(size int) {
		t.Helper()
		w, err := st.Create(t.Context(), "f", ufs.CreateOptions{})
		require.NoError(t, err)
		_, err = w.Write(bytes.Repeat([]byte("x"), size))
		require.NoError(t, err)
		a, err := w.Commit(t.Context())
		require.NoError(t, err)
		is, err := st.Stat(t.Context(), "f")
		require.NoError(t, err)
		require.Equal(t, is.Version, a.Version)
		require.EqualValues(t, size, a.Size)
	}
	write(3*mib + 5)
	require.Len(t, s.names(t, s.name+"_segments", "p/"), 4)
	write(2*mib + 5)
	require.Len(t, s.names(t, s.name+"_segments", "p/"), 3, "of an object that was overwritten by segments")
	require.Empty(t, s.leftovers(t, "p/"))
	write(7)
	require.Empty(t, s.names(t, s.name+"_segments", "p/"), "of an object that was overwritten by a small one")
	write(2 * mib)
	require.NoError(t, st.Delete(t.Context(), "f"))
	require.Empty(t, s.names(t, s.name+"_segments", "p/"), "of an object that was deleted")
}

// TestServerChecksum: a small object's ETag is the MD5 of its bytes.
func TestServerChecksum(t *testing.T) {
	s := connect(t)
	d, _, err := swiftufs.OpenDriver(t.Context(), s.name, "sum", swiftufs.Options{PartSize: mib, InFlight: 4 * mib})
	require.NoError(t, err)
	defer d.Close()
	ufstest.Checksum(t, d)
}
