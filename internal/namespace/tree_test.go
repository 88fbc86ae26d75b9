package namespace_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/millpond/millpond/internal/namespace"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type cmd interface{ Append([]byte) []byte }

// do applies commands and returns the last answer.
func do(t testing.TB, tree *namespace.Tree, cmds ...cmd) namespace.Answer {
	t.Helper()
	var a namespace.Answer
	for _, c := range cmds {
		raw, _ := tree.Apply(1, 1, c.Append(nil))
		var err error
		a, err = namespace.DecodeAnswer(raw)
		require.NoError(t, err)
	}
	return a
}

func file(t testing.TB, tree *namespace.Tree, path string) uint64 {
	t.Helper()
	a := do(t, tree, &namespace.CreateFile{Path: path, Parents: true, BlockSize: 64 << 10})
	require.NoError(t, a.Err)
	require.NoError(t, do(t, tree, &namespace.CompleteFile{Ino: a.Ino, Size: 9}).Err)
	return a.Ino
}

func TestOverwriteKeepsTheOldUntilComplete(t *testing.T) {
	tree := namespace.New()
	old := file(t, tree, "/a/f")
	a := do(t, tree, &namespace.CreateFile{Path: "/a/f", Overwrite: true, BlockSize: 64 << 10})
	require.NoError(t, a.Err)
	in, err := tree.Stat("/a/f", nil)
	require.NoError(t, err)
	require.Equal(t, old, in.Ino)
	require.NoError(t, do(t, tree, &namespace.CompleteFile{Ino: a.Ino, Size: 5}).Err)
	in, err = tree.Stat("/a/f", nil)
	require.NoError(t, err)
	require.Equal(t, a.Ino, in.Ino)
	require.EqualValues(t, 5, in.Size)
	require.ErrorIs(t, do(t, tree, &namespace.CompleteFile{Ino: a.Ino}).Err, namespace.ErrLeaseLost)
}

func TestIntentsHold(t *testing.T) {
	tree := namespace.New()
	file(t, tree, "/d/f")
	for _, b := range []*namespace.Begin{
		{Kind: namespace.IntentRemove, Path: "/d", Recursive: true},
		{Kind: namespace.IntentRename, Path: "/d", To: "/e"},
	} {
		a := do(t, tree, b)
		require.NoError(t, a.Err)
		for _, c := range []cmd{
			&namespace.Remove{Path: "/d/f"}, &namespace.Mkdir{Path: "/d/x"}, &namespace.Rename{From: "/d", To: "/z"},
			&namespace.Rename{From: "/d/f", To: "/g"}, &namespace.CreateFile{Path: "/d/g"}, &namespace.SetAttr{Path: "/d/f"},
		} {
			var held *namespace.IntentError
			require.ErrorAs(t, do(t, tree, c).Err, &held, "%T", c)
			require.Equal(t, a.IntentID, held.ID)
		}
		_, err := tree.Stat("/d/f", nil)
		require.NoError(t, err, "queries see the old state")
		do(t, tree, &namespace.End{IntentID: a.IntentID})
	}
	var held *namespace.IntentError
	a := do(t, tree, &namespace.Begin{Kind: namespace.IntentRemove, Path: "/d/f"})
	require.NoError(t, a.Err)
	require.ErrorAs(t, do(t, tree, &namespace.Remove{Path: "/d", Recursive: true}).Err, &held, "a file that is held holds its directory")
	require.ErrorAs(t, do(t, tree, &namespace.Rename{From: "/d", To: "/e"}).Err, &held)
	do(t, tree, &namespace.End{IntentID: a.IntentID})
	a = do(t, tree, &namespace.Begin{Kind: namespace.IntentMkdir, Path: "/d/new"})
	require.NoError(t, a.Err)
	require.ErrorAs(t, do(t, tree, &namespace.Remove{Path: "/d", Recursive: true}).Err, &held, "a pending name holds its directory")
	do(t, tree, &namespace.End{IntentID: a.IntentID, Commit: true})
	_, err := tree.Stat("/d/new", nil)
	require.NoError(t, err)
}

// randomCmd is a command that may or may not fit the tree.
func randomCmd(rng *rand.Rand, known []uint64) cmd {
	path := func() string {
		p := ""
		for range 1 + rng.IntN(3) {
			p = fmt.Sprintf("%s/%c", p, 'a'+rng.IntN(3))
		}
		return p
	}
	flag := func() bool { return rng.IntN(2) == 0 }
	ino := known[rng.IntN(len(known))]
	switch rng.IntN(22) {
	case 0, 1, 2:
		return &namespace.CreateFile{Path: path(), Parents: flag(), Overwrite: flag(), BlockSize: 64 << 10, Lease: randomLease(rng)}
	case 3, 4:
		return &namespace.CompleteFile{Ino: ino, Size: int64(rng.IntN(9)), Persist: namespace.PersistState(rng.IntN(3))}
	case 5:
		return &namespace.Mkdir{Path: path(), Parents: flag()}
	case 6:
		return &namespace.Rename{From: path(), To: path(), Overwrite: flag()}
	case 7:
		return &namespace.Remove{Path: path(), Recursive: flag()}
	case 8:
		b := namespace.Begin{Kind: namespace.IntentKind(1 + rng.IntN(5)), Path: path(), To: path(), Ino: ino, Recursive: flag(), Overwrite: flag()}
		if flag() {
			return &namespace.BeginBy{Begin: b, Lease: randomLease(rng)}
		}
		return &b
	case 9, 10:
		return randomEnd(rng)
	}
	if rng.IntN(3) == 0 {
		return randomLook(rng, path)
	}
	pin, ttl := flag(), int64(rng.IntN(30))
	switch rng.IntN(6) {
	case 4:
		return &namespace.SetHomes{Ino: ino, Add: []string{"n1", "n2"}[:rng.IntN(3)], Drop: []string{"n2", "n1"}[:rng.IntN(3)], Lost: flag()}
	case 5:
		return &namespace.FreeFiles{Files: []namespace.Freeing{{Ino: ino}}}
	case 0:
		return &namespace.Continue{}
	case 1:
		return &namespace.SetAttrBelow{SetAttr: namespace.SetAttr{Path: path(), Pin: &pin, Recursive: true}, After: path()[1:]}
	}
	return &namespace.SetAttr{Path: path(), Pin: &pin, TTL: &ttl, Recursive: flag(), Xattr: map[string][]byte{"user.k": {1}}}
}

func randomLease(rng *rand.Rand) [16]byte {
	return [16]byte{byte(rng.IntN(2)), 15: byte(rng.IntN(2))}
}

// randomEnd ends or moves an intent, or what runs of a node have begun.
func randomEnd(rng *rand.Rand) cmd {
	end := namespace.End{IntentID: uint64(rng.IntN(20)), Commit: rng.IntN(2) == 0, Version: "v"}
	switch rng.IntN(6) {
	case 0:
		return &namespace.EndBy{End: end, Lease: randomLease(rng)}
	case 1:
		return &namespace.Adopt{IntentID: end.IntentID, From: randomLease(rng), To: randomLease(rng)}
	case 2:
		return &namespace.ExpireNode{Node: [8]byte{byte(rng.IntN(2))}, Keep: randomLease(rng)}
	}
	return &end
}

// randomLook is what a look at the store mounted at /a found, or a mount.
func randomLook(rng *rand.Rand, path func() string) cmd {
	switch rng.IntN(5) {
	case 0:
		return &namespace.Mount{Path: "/a", Place: "mem://x", Spec: []byte("s")}
	case 1:
		return &namespace.Forget{Path: "/a" + path()}
	case 2:
		return &namespace.Unmount{Path: "/a", Force: rng.IntN(2) == 0}
	}
	d := &namespace.Discover{Mount: "/a", SyncedAt: int64(rng.IntN(300))}
	for range rng.IntN(4) {
		d.Entries = append(d.Entries, namespace.Found{Path: path()[1:], Dir: rng.IntN(3) == 0, Size: 3, Version: fmt.Sprint(rng.IntN(3)), FileID: [16]byte{byte(rng.IntN(9))}})
	}
	if rng.IntN(2) == 0 {
		d.Listed = []string{"", path()[1:]}[:1+rng.IntN(2)]
	}
	return d
}

func checkpoint(t testing.TB, tree *namespace.Tree) []byte {
	t.Helper()
	var b bytes.Buffer
	c := tree.Snapshot()
	defer c.Release()
	_, err := c.WriteTo(&b)
	require.NoError(t, err)
	return b.Bytes()
}

// TestReplicasAgree applies random commands to two trees, one of which is restored from a checkpoint midway: answers,
// effects and checkpoints are equal, byte for byte.
func TestReplicasAgree(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 1))
		a, b := namespace.NewOfStep(3), namespace.NewOfStep(3)
		known := []uint64{1, 99}
		for i := range uint64(300) {
			c := randomCmd(rng, known).Append(nil)
			ansA, effA := a.Apply(i, int64(i), c)
			ansB, effB := b.Apply(i, int64(i), c)
			require.Equal(t, ansA, ansB, "seed %d, command %d", seed, i)
			require.Equal(t, effA, effB, "seed %d, command %d", seed, i)
			if got, err := namespace.DecodeAnswer(ansA); err == nil && got.Ino != 0 {
				known = append(known, got.Ino)
			}
			if i == 150 {
				b = namespace.NewOfStep(3)
				require.NoError(t, b.Restore(bytes.NewReader(checkpoint(t, a))))
			}
		}
		require.Equal(t, checkpoint(t, a), checkpoint(t, b), "seed %d", seed)
	}
}

// TestSnapshotIsOfItsMoment: what is changed after a snapshot, before it is written, is not in it.
func TestSnapshotIsOfItsMoment(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 3))
		tree, twin := namespace.NewOfStep(3), namespace.NewOfStep(3)
		for i := range uint64(200) {
			c := randomCmd(rng, []uint64{1, 2, 3, 4, 5}).Append(nil)
			tree.Apply(i, int64(i), c)
			twin.Apply(i, int64(i), c)
		}
		s := tree.Snapshot()
		for i := range uint64(200) {
			tree.Apply(200+i, int64(200+i), randomCmd(rng, []uint64{1, 2, 3, 4, 5}).Append(nil))
		}
		var got bytes.Buffer
		_, err := s.WriteTo(&got)
		s.Release()
		require.NoError(t, err)
		require.Equal(t, checkpoint(t, twin), got.Bytes(), "seed %d", seed)
	}
}

func FuzzApply(f *testing.F) {
	for seed := range uint64(40) {
		f.Add(randomCmd(rand.New(rand.NewPCG(seed, 2)), []uint64{1, 2, 3, 4}).Append(nil))
	}
	f.Fuzz(func(t *testing.T, c []byte) {
		tree := namespace.New()
		file(t, tree, "/a/b/c")
		raw, _ := tree.Apply(9, 9, c)
		_, err := namespace.DecodeAnswer(raw)
		require.NoError(t, err)
		require.NoError(t, namespace.New().Restore(bytes.NewReader(checkpoint(t, tree))))
	})
}

func FuzzDecodeAnswer(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0})
	f.Fuzz(func(_ *testing.T, b []byte) { namespace.DecodeAnswer(b) })
}

func FuzzRestore(f *testing.F) {
	tree := namespace.New()
	file(f, tree, "/a/b/c")
	f.Add(checkpoint(f, tree))
	f.Fuzz(func(t *testing.T, b []byte) {
		tree := namespace.New()
		if tree.Restore(bytes.NewReader(b)) == nil {
			tree.Stat("/a/b/c", nil)
			do(t, tree, &namespace.Remove{Path: "/a", Recursive: true})
		}
	})
}
