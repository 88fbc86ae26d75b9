package journal_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/journal"
)

func files(t *testing.T, dir, pattern string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, pattern))
	require.NoError(t, err)
	slices.Sort(list)
	return list
}

// filled is a closed journal with 300 changes in several segments.
func filled(t *testing.T, cfg journal.Config, checkpoints int) (dir string, want map[string]int) {
	t.Helper()
	cfg.Dir = t.TempDir()
	cfg.SegmentSize = 4 << 10
	cfg.CheckpointEvery = 1 << 40
	j, r := open(t, cfg)
	for i := range 300 {
		add(t, j, string(rune('a'+i%26)))
		if checkpoints > 0 && i%(300/checkpoints) == 50 {
			require.NoError(t, j.Checkpoint(t.Context()))
		}
	}
	want = r.all()
	require.NoError(t, j.Close(t.Context()))
	return cfg.Dir, want
}

func flip(t *testing.T, name string, at int64) {
	t.Helper()
	b, err := os.ReadFile(name)
	require.NoError(t, err)
	b[at] ^= 1 << (at % 8)
	require.NoError(t, os.WriteFile(name, b, 0o600))
}

func tryOpen(t *testing.T, dir string) (map[string]int, error) {
	t.Helper()
	r := newRegister()
	j, err := journal.Open(t.Context(), journal.Config{Dir: dir, CheckpointEvery: 1 << 40}, r)
	if err != nil {
		return nil, err
	}
	all := r.all()
	require.NoError(t, j.Close(t.Context()))
	return all, nil
}

func TestFlippedBitInLogIsNamed(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 60 {
		dir, want := filled(t, journal.Config{}, 0)
		segs := files(t, dir, "log/*.seg")
		require.Greater(t, len(segs), 3)
		name := segs[rng.IntN(len(segs))]
		fi, err := os.Stat(name)
		require.NoError(t, err)
		at := rng.Int64N(fi.Size())
		flip(t, name, at)
		got, err := tryOpen(t, dir)
		if err == nil { // padding, which nothing reads, or the seal: nothing is lost
			require.Equal(t, want, got, "flip at %d of %s", at, name)
			continue
		}
		require.ErrorContains(t, err, filepath.Base(name))
		damage, ok := errors.AsType[*journal.DamageError](err)
		require.True(t, ok, "%v", err)
		require.LessOrEqual(t, damage.Offset, at)
		rep, err := journal.Check(dir)
		require.NoError(t, err)
		require.NotEmpty(t, rep.Problems)
	}
}

func TestTornTailEndsLog(t *testing.T) {
	dir, _ := filled(t, journal.Config{}, 0)
	segs := files(t, dir, "log/*.seg")
	last := segs[len(segs)-1]
	whole, err := os.ReadFile(last)
	require.NoError(t, err)
	for cut := len(whole) - 1; cut > len(whole)-300; cut -= 7 {
		require.NoError(t, os.WriteFile(last, whole[:cut], 0o600))
		got, err := tryOpen(t, dir)
		require.NoError(t, err, "cut at %d", cut)
		n := 0
		for _, v := range got {
			n += v
		}
		require.Greater(t, n, 280)
	}
}

func TestMissingSegmentIsNamed(t *testing.T) {
	dir, _ := filled(t, journal.Config{}, 0)
	segs := files(t, dir, "log/*.seg")
	require.NoError(t, os.Remove(segs[1]))
	_, err := tryOpen(t, dir)
	require.ErrorContains(t, err, filepath.Base(segs[0]))
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "log")))
	_, err = tryOpen(t, dir)
	require.ErrorContains(t, err, "the log is gone")
}

func TestDamagedCheckpointFallsBack(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 20 {
		dir, want := filled(t, journal.Config{}, 3)
		ckpts := files(t, dir, "checkpoints/*.ckpt")
		require.Len(t, ckpts, 2)
		require.NotEqual(t, "00000000000000000001.seg", filepath.Base(files(t, dir, "log/*.seg")[0]), "the log was compacted")
		fi, err := os.Stat(ckpts[1])
		require.NoError(t, err)
		at := rng.Int64N(fi.Size())
		flip(t, ckpts[1], at)
		got, err := tryOpen(t, dir)
		require.NoError(t, err, "flip at %d", at)
		require.Equal(t, want, got)
		flip(t, ckpts[1], at)
		for _, c := range ckpts {
			flip(t, c, fi.Size()/2)
		}
		_, err = tryOpen(t, dir)
		require.ErrorContains(t, err, filepath.Base(ckpts[0]))
		require.ErrorContains(t, err, filepath.Base(ckpts[1]))
	}
}

func TestDamagedStateIsNamed(t *testing.T) {
	dir, _ := filled(t, journal.Config{}, 0)
	name := filepath.Join(dir, "state.db")
	b, err := os.ReadFile(name)
	require.NoError(t, err)
	named := 0
	for at := 0; at < len(b); at += 4096 {
		broken := bytes.Clone(b)
		for i := at; i < min(at+4096, len(b)); i++ {
			broken[i] ^= 0x55
		}
		require.NoError(t, os.WriteFile(name, broken, 0o600))
		if _, err := tryOpen(t, dir); err != nil {
			require.ErrorContains(t, err, "state.db", "page at %d", at)
			named++
		}
	}
	require.GreaterOrEqual(t, named, 2) // an unused page may hold anything
}

func TestUnknownCommandStopsNode(t *testing.T) {
	dir := t.TempDir()
	j, _ := open(t, journal.Config{Dir: dir})
	add(t, j, "a")
	_, _, err := j.Propose(t.Context(), journal.OpID{}, []byte("new thing"))
	require.NoError(t, err)
	_, _, err = j.Propose(t.Context(), journal.OpID{}, []byte("what"))
	require.ErrorIs(t, err, errUnknown)
	add(t, j, "a")
	require.NoError(t, j.Close(t.Context()))

	var stopped error
	_, err = journal.Open(t.Context(), journal.Config{Dir: dir, Level: 1, Events: journal.Events{Stopped: func(err error) { stopped = err }}}, newRegister())
	unknown, ok := errors.AsType[*journal.UnknownCommandError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, uint64(2), unknown.Index)
	require.ErrorIs(t, err, stopped)
	_, r := open(t, journal.Config{Dir: dir})
	require.Equal(t, 2, r.get("a"))
}

func TestWrongNodeAndSecondProcessAreRefused(t *testing.T) {
	dir := t.TempDir()
	j, _ := open(t, journal.Config{Dir: dir, NodeID: "n1"})
	_, err := journal.Open(t.Context(), journal.Config{Dir: dir}, newRegister())
	locked, ok := errors.AsType[*vfs.LockedError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, os.Getpid(), locked.PID)
	require.NoError(t, j.Close(t.Context()))
	_, err = journal.Open(t.Context(), journal.Config{Dir: dir, NodeID: "n2"}, newRegister())
	require.ErrorContains(t, err, `belongs to node "n1"`)
}

func TestDump(t *testing.T) {
	dir, _ := filled(t, journal.Config{}, 1)
	var b strings.Builder
	require.NoError(t, journal.Dump(&b, dir, func(cmd []byte) string { return string(cmd) }))
	require.Contains(t, b.String(), "add z\n")
	require.Contains(t, b.String(), "checkpoint raft=")
	rep, err := journal.Check(dir)
	require.NoError(t, err)
	require.Empty(t, rep.Problems)
	require.Equal(t, uint64(300), rep.Changes)
	require.Len(t, rep.Checkpoints, 1)
}
