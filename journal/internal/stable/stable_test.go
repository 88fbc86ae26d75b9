package stable

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/millpond/millpond/internal/vfs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// otherFS is the system's disk, but not equal to vfs.OS: the table stands in for bbolt.
type otherFS struct{ vfs.FS }

func TestStores(t *testing.T) {
	for name, fsys := range map[string]vfs.FS{"bolt": vfs.OS, "table": otherFS{vfs.OS}} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s, err := Open(fsys, dir, false)
			require.NoError(t, err)
			r := Raft{Store: s}
			got, err := r.GetUint64([]byte("CurrentTerm"))
			require.NoError(t, err)
			require.Zero(t, got)
			require.NoError(t, r.SetUint64([]byte("CurrentTerm"), 7))
			require.NoError(t, s.Put("a/1", []byte("x")))
			require.NoError(t, s.Put("a/2", nil))
			require.NoError(t, s.Put("b", []byte("y")))
			require.NoError(t, s.Delete("b"))
			require.NoError(t, s.Close())

			s, err = Open(fsys, dir, false)
			require.NoError(t, err)
			keys, err := s.List("a/")
			require.NoError(t, err)
			require.Equal(t, []string{"a/1", "a/2"}, keys)
			_, ok, err := s.Get("b")
			require.NoError(t, err)
			require.False(t, ok)
			got, err = Raft{Store: s}.GetUint64([]byte("CurrentTerm"))
			require.NoError(t, err)
			require.Equal(t, uint64(7), got)
			require.NoError(t, s.Close())
		})
	}
}

func TestTableGolden(t *testing.T) {
	want, err := os.ReadFile("testdata/table.v1.hex")
	require.NoError(t, err)
	b := encodeTable(map[string][]byte{"b": {}, "a": []byte("one")})
	require.Equal(t, string(want), hex.EncodeToString(b)+"\n")
}

func TestTableDamageIsNamed(t *testing.T) {
	dir := t.TempDir()
	b := encodeTable(map[string][]byte{"b": {}, "a": []byte("one")})
	for i := range b {
		broken := append([]byte{}, b...)
		broken[i] ^= 4
		require.NoError(t, os.WriteFile(filepath.Join(dir, "state"), broken, 0o600))
		_, err := Open(otherFS{vfs.OS}, dir, false)
		require.ErrorContains(t, err, filepath.Join(dir, "state"), "byte %d", i)
	}
}

func FuzzTable(f *testing.F) {
	f.Add(encodeTable(map[string][]byte{"b": {}, "a": []byte("one")}))
	f.Add([]byte(tableMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := decodeTable(b); err == nil {
			again, err := decodeTable(encodeTable(m))
			require.NoError(t, err)
			require.Equal(t, m, again)
		}
	})
}
