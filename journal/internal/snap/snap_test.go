package snap_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/raft"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/journal/internal/snap"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "write the golden file again")

var conf = raft.Configuration{Servers: []raft.Server{{ID: "n", Address: "n"}}}

func open(t testing.TB, dir string) *snap.Store {
	t.Helper()
	s, err := snap.Open(vfs.OS, dir, snap.Options{})
	require.NoError(t, err)
	return s
}

func write(t testing.TB, s *snap.Store, index uint64, data []byte) {
	t.Helper()
	k, err := s.Create(1, index, 3, conf, 1, nil)
	require.NoError(t, err)
	_, err = k.Write(data)
	require.NoError(t, err)
	require.NoError(t, k.Close())
}

func read(s *snap.Store, id string) ([]byte, error) {
	_, r, err := s.Open(id)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(r)
	return b, errors.Join(err, r.Close())
}

func big(n int) []byte {
	b := make([]byte, n)
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

func TestKeepsTheNewest(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	require.Zero(t, s.Needed())
	for i, n := range []int{0, 1, 256 << 10, 256<<10 + 1, 700_000} {
		write(t, s, uint64(i+1)*10, big(n))
	}
	require.Equal(t, uint64(40), s.Needed())
	for range 2 {
		list, err := s.List()
		require.NoError(t, err)
		require.Len(t, list, 2)
		require.Equal(t, uint64(50), list[0].Index)
		require.Equal(t, uint64(3), list[0].Term)
		require.Equal(t, conf, list[0].Configuration)
		got, err := read(s, list[0].ID)
		require.NoError(t, err)
		require.True(t, bytes.Equal(big(700_000), got))
		s = open(t, dir)
	}
	k, err := s.Create(1, 60, 3, conf, 1, nil)
	require.NoError(t, err)
	require.NoError(t, k.Cancel())
	ents, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, ents, 2)
}

func TestEveryFlippedBitIsFound(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	write(t, s, 7, []byte("some state"))
	name := filepath.Join(dir, "00000000000000000007.ckpt")
	whole, err := os.ReadFile(name)
	require.NoError(t, err)
	for at := range whole {
		b := bytes.Clone(whole)
		b[at] ^= 0x10
		require.NoError(t, os.WriteFile(name, b, 0o600))
		s, err := snap.Open(vfs.OS, dir, snap.Options{})
		require.NoError(t, err, "byte %d", at)
		_, err = read(s, "00000000000000000007.ckpt")
		damage, ok := errors.AsType[*snap.DamageError](err)
		require.True(t, ok, "byte %d: %v", at, err)
		require.Equal(t, name, damage.File)
		require.Len(t, s.Problems(), 1)
	}
	for n := range whole {
		require.NoError(t, os.WriteFile(name, whole[:n], 0o600))
		_, err := read(open(t, dir), "00000000000000000007.ckpt")
		require.Error(t, err, "cut at %d", n)
	}
}

func TestGolden(t *testing.T) {
	dir := t.TempDir()
	write(t, open(t, dir), 7, []byte("some state"))
	b, err := os.ReadFile(filepath.Join(dir, "00000000000000000007.ckpt"))
	require.NoError(t, err)
	const golden = "testdata/checkpoint.v1.hex"
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(hex.EncodeToString(b)+"\n"), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), hex.EncodeToString(b)+"\n")
}

func FuzzRead(f *testing.F) {
	dir := f.TempDir()
	s := open(f, dir)
	write(f, s, 7, []byte("some state"))
	b, err := os.ReadFile(filepath.Join(dir, "00000000000000000007.ckpt"))
	require.NoError(f, err)
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		name := filepath.Join(dir, "00000000000000000007.ckpt")
		require.NoError(t, os.WriteFile(name, b, 0o600))
		if s, err := snap.Open(vfs.OS, dir, snap.Options{}); err == nil {
			_, _ = read(s, "00000000000000000007.ckpt")
		}
	})
}

// TestSizeIsWhatIsRead: raft sends as many bytes of a checkpoint as its Size says, and refuses it if there are others.
func TestSizeIsWhatIsRead(t *testing.T) {
	const piece = 256 << 10
	for _, n := range []int{0, 1, piece - 1, piece, piece + 1, 2 * piece, 3*piece + 7} {
		s := open(t, t.TempDir())
		write(t, s, 7, big(n))
		list, err := s.List()
		require.NoError(t, err)
		require.EqualValues(t, n, list[0].Size)
		got, err := read(s, list[0].ID)
		require.NoError(t, err)
		require.Len(t, got, n)
	}
}

func encoded(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	e, err := snap.Encode(&b, 7, 3)
	require.NoError(t, err)
	_, err = e.Write(data)
	require.NoError(t, err)
	require.NoError(t, e.End())
	return b.Bytes()
}

func decode(b []byte) ([]byte, error) {
	r, err := snap.Decode(bytes.NewReader(b), "it")
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// TestStream: what Encode writes is a file of a Store, and Decode finds each bit that is wrong, missing or too much.
func TestStream(t *testing.T) {
	for _, n := range []int{0, 1, 256 << 10, 600_000} {
		got, err := decode(encoded(t, big(n)))
		require.NoError(t, err)
		require.True(t, bytes.Equal(big(n), got), "%d bytes", n)
	}
	whole := encoded(t, []byte("some state"))
	for at := range whole {
		b := bytes.Clone(whole)
		b[at] ^= 0x10
		_, err := decode(b)
		require.ErrorContains(t, err, "it", "byte %d", at)
		_, err = decode(whole[:at])
		require.Error(t, err, "cut at %d", at)
	}
	_, err := decode(append(bytes.Clone(whole), 0))
	require.ErrorContains(t, err, "bytes behind the end")
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "00000000000000000007.ckpt"), whole, 0o600))
	got, err := read(open(t, dir), "00000000000000000007.ckpt")
	require.NoError(t, err)
	require.Equal(t, "some state", string(got))
}

func FuzzDecode(f *testing.F) {
	f.Add(encoded(f, []byte("some state")))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := decode(b)
		require.LessOrEqual(t, len(got), len(b))
		_ = err
	})
}

// TestLongCheckpointIsSyncedOnTheWay: one sync of all of it at the end would hold up the log's on the same disk.
func TestLongCheckpointIsSyncedOnTheWay(t *testing.T) {
	dirty, most := 0, 0
	fsys := vfs.NewFaulty(vfs.OS, func(op vfs.Op) error {
		switch op.Kind {
		case vfs.OpWrite:
			dirty += op.Len
		case vfs.OpSync:
			dirty = 0
		}
		most = max(most, dirty)
		return nil
	})
	s, err := snap.Open(fsys, t.TempDir(), snap.Options{})
	require.NoError(t, err)
	write(t, s, 7, big(40<<20))
	require.Less(t, most, 10<<20)
	require.Zero(t, dirty)
}
