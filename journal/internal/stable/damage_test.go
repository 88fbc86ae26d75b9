package stable

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"

	"github.com/millpond/millpond/internal/vfs"
)

const boltKeys = 200 // several leaves

// wholeBolt is a bbolt file.
func wholeBolt(t *testing.T) []byte {
	t.Helper()
	dir := t.TempDir()
	s, err := Open(vfs.OS, dir, true)
	require.NoError(t, err)
	for i := range boltKeys {
		require.NoError(t, s.Put(fmt.Sprintf("k%04d", i), bytes.Repeat([]byte{byte(i)}, 100)))
	}
	require.NoError(t, s.Close())
	b, err := os.ReadFile(filepath.Join(dir, "state.db"))
	require.NoError(t, err)
	return b
}

// use opens the file b and reads and changes all of it: an error names the file, nothing panics, and what is read is what was
// written, the last change aside, which goes with its meta page.
func use(t *testing.T, b []byte, what string) (opened bool) {
	t.Helper()
	dir := t.TempDir()
	name := filepath.Join(dir, "state.db")
	require.NoError(t, os.WriteFile(name, b, 0o600))
	s, err := Open(vfs.OS, dir, true)
	if err != nil {
		require.ErrorContains(t, err, name, what)
		return false
	}
	defer s.Close()
	keys, err := s.List("")
	if err == nil {
		require.GreaterOrEqual(t, len(keys), boltKeys-1, what)
	}
	for i, k := range keys {
		var v []byte
		if err == nil {
			v, _, err = s.Get(k)
		}
		if err == nil {
			require.Equal(t, fmt.Sprintf("k%04d", i), k, what)
			require.Equal(t, bytes.Repeat([]byte{byte(i)}, 100), v, what)
		}
	}
	if err == nil {
		err = s.Put("another", []byte("x"))
	}
	if err != nil {
		require.ErrorContains(t, err, name, what)
	}
	return true
}

func TestDamagedBoltIsNamed(t *testing.T) {
	b := wholeBolt(t)
	rng := rand.New(rand.NewPCG(5, 6))
	refused := 0
	for i := range 300 {
		bad, what := bytes.Clone(b), ""
		switch i % 4 {
		case 0:
			at := rng.IntN(len(b) * 8)
			bad[at/8] ^= 1 << (at % 8)
			what = fmt.Sprintf("bit %d flipped", at)
		case 1:
			bad = bad[:rng.IntN(len(b))]
			what = fmt.Sprintf("cut to %d bytes", len(bad))
		case 2:
			at := rng.IntN(len(b) - 64)
			rng := rand.NewChaCha8([32]byte{byte(i)})
			_, _ = rng.Read(bad[at : at+64])
			what = fmt.Sprintf("64 bytes at %d overwritten", at)
		case 3: // page headers and the metas are where bbolt trusts most
			at := rng.IntN(len(b)/4096)*4096 + rng.IntN(80)
			bad[at] ^= byte(1 + rng.IntN(255))
			what = fmt.Sprintf("byte %d changed", at)
		}
		if !use(t, bad, what) {
			refused++
		}
	}
	require.Greater(t, refused, 100)
}

func TestEarlierBucketIsRefused(t *testing.T) {
	name := filepath.Join(t.TempDir(), "state.db")
	db, err := bolt.Open(name, 0o600, nil)
	require.NoError(t, err)
	require.NoError(t, db.Update(func(tx *bolt.Tx) error {
		_, err := tx.CreateBucket([]byte("millpond"))
		return err
	}))
	require.NoError(t, db.Close())
	_, err = Open(vfs.OS, filepath.Dir(name), true)
	require.ErrorContains(t, err, "of another version")
	require.ErrorContains(t, err, name)
}

func FuzzPages(f *testing.F) {
	dir := f.TempDir()
	s, err := Open(vfs.OS, dir, true)
	require.NoError(f, err)
	require.NoError(f, s.Put("key", []byte("value")))
	require.NoError(f, s.Close())
	b, err := os.ReadFile(filepath.Join(dir, "state.db"))
	require.NoError(f, err)
	f.Add(b, 5000, byte(1))
	f.Fuzz(func(_ *testing.T, b []byte, at int, change byte) {
		if at >= 0 && at < len(b) {
			b[at] ^= change
		}
		_ = checkPages(b)
	})
}

// TestUsedBoltOpens checks files that keys came into and went out of, in any order.
func TestUsedBoltOpens(t *testing.T) {
	dir, want := t.TempDir(), map[string]string{}
	rng := rand.New(rand.NewPCG(7, 8))
	for range 12 {
		s, err := Open(vfs.OS, dir, true)
		require.NoError(t, err)
		keys, err := s.List("")
		require.NoError(t, err)
		require.Len(t, keys, len(want))
		for range 150 {
			k := fmt.Sprintf("%x", rng.IntN(400))
			if rng.IntN(3) == 0 {
				delete(want, k)
				require.NoError(t, s.Delete(k))
				continue
			}
			want[k] = string(bytes.Repeat([]byte("v"), rng.IntN(300)))
			require.NoError(t, s.Put(k, []byte(want[k])))
		}
		for k, v := range want {
			got, ok, err := s.Get(k)
			require.NoError(t, err)
			require.True(t, ok)
			require.Equal(t, v, string(got))
		}
		require.NoError(t, s.Close())
	}
}
