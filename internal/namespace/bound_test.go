package namespace_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/namespace"
)

const many = 6 * namespace.StepInodes

// forest is a tree with many files under /d, in two directories, and as many found in the store at /m/s.
func forest(t *testing.T) *namespace.Tree {
	t.Helper()
	tree := namespace.New()
	require.NoError(t, do(t, tree, &namespace.Mount{Path: "/m", Place: "mem://x"}, &namespace.Mkdir{Path: "/e"}).Err)
	d := &namespace.Discover{Mount: "/m", SyncedAt: 5}
	for i := range many {
		file(t, tree, fmt.Sprintf("/d/%d/f%05d", i/(many/2), i))
		d.Entries = append(d.Entries, namespace.Found{Path: fmt.Sprintf("s/f%05d", i), FileID: [16]byte{byte(i), byte(i >> 8)}, Since: 9})
	}
	require.NoError(t, do(t, tree, d).Err)
	return tree
}

// apply makes a change and tells how many inodes it worked on and how many files it dropped.
func apply(t *testing.T, tree *namespace.Tree, c cmd) (a namespace.Answer, work, dropped int) {
	t.Helper()
	before := tree.Work()
	raw, effects := tree.Apply(9, 9, c.Append(nil))
	a, err := namespace.DecodeAnswer(raw)
	require.NoError(t, err)
	for _, e := range effects {
		if e.Kind == namespace.Dropped {
			dropped++
		}
	}
	return a, tree.Work() - before, dropped
}

// TestCommandsAreBounded makes changes to directories with many files: none works on more than a few inodes for each of
// the StepInodes that it may, and what they leave is done by as many Continues as it takes.
func TestCommandsAreBounded(t *testing.T) {
	const most = 4*namespace.StepInodes + 100
	pin := true
	for name, c := range map[string]struct {
		change  cmd
		dropped int // in all
	}{
		"remove":           {&namespace.Remove{Path: "/d", Recursive: true}, many},
		"unmount":          {&namespace.Unmount{Path: "/m"}, many},
		"rename":           {&namespace.Rename{From: "/d", To: "/e/d"}, 0},
		"set attributes":   {&namespace.SetAttr{Path: "/d", Pin: &pin, Recursive: true}, 0},
		"begin to remove":  {&namespace.Begin{Kind: namespace.IntentRemove, Path: "/m/s", Recursive: true}, 0},
		"begin to rename":  {&namespace.Begin{Kind: namespace.IntentRename, Path: "/m/s", To: "/m/z"}, 0},
		"forget":           {&namespace.Forget{Path: "/m/s", Since: 9}, many},
		"listed as empty":  {&namespace.Discover{Mount: "/m", SyncedAt: 6, Listed: []string{"s"}, Since: 9}, many},
		"a file instead":   {&namespace.Discover{Mount: "/m", SyncedAt: 6, Entries: []namespace.Found{{Path: "s", Since: 9, Version: "v"}}}, many},
		"not listed above": {&namespace.Discover{Mount: "/m", SyncedAt: 6, Listed: []string{""}, Since: 9}, many},
	} {
		t.Run(name, func(t *testing.T) {
			tree := forest(t)
			a, work, dropped := apply(t, tree, c.change)
			require.NoError(t, a.Err)
			require.LessOrEqual(t, work, most)
			all, steps := dropped, 0
			for ; a.More; steps++ {
				if steps == 2 { // what is left is in a checkpoint
					other := namespace.New()
					require.NoError(t, other.Restore(bytes.NewReader(checkpoint(t, tree))))
					tree = other
				}
				a, work, dropped = apply(t, tree, &namespace.Continue{})
				require.NoError(t, a.Err)
				require.LessOrEqual(t, work, most)
				all += dropped
			}
			require.Equal(t, c.dropped, all)
			if all > 0 {
				require.GreaterOrEqual(t, steps, many/namespace.StepInodes-1)
			}
			require.False(t, tree.Unfinished())
		})
	}
}

// TestWhatIsCutOffIsGone looks at files of a tree that was removed and is not all forgotten.
func TestWhatIsCutOffIsGone(t *testing.T) {
	tree := namespace.NewOfStep(1)
	written := do(t, tree, &namespace.CreateFile{Path: "/d/w", Parents: true, BlockSize: 1}).Ino
	whole := file(t, tree, "/d/z")
	require.True(t, do(t, tree, &namespace.Remove{Path: "/d", Recursive: true}).More)
	_, err := tree.Stat("/d/w", nil)
	require.ErrorIs(t, err, namespace.ErrNotExist)
	for _, ino := range []uint64{written, whole} {
		_, named := tree.Path(ino)
		require.False(t, named)
	}
	require.ErrorIs(t, do(t, tree, &namespace.CompleteFile{Ino: written}).Err, namespace.ErrLeaseLost)
	require.ErrorIs(t, do(t, tree, &namespace.MarkPersist{Ino: written}).Err, namespace.ErrNotExist)
	require.ErrorIs(t, do(t, tree, &namespace.Begin{Kind: namespace.IntentPublish, Ino: written, Path: "/d/w"}).Err, namespace.ErrLeaseLost)
	require.NoError(t, do(t, tree, &namespace.AbandonFile{Ino: written}, &namespace.ExpireLeases{Except: true, Lease: [16]byte{1}}).Err)
	require.NoError(t, do(t, tree, &namespace.Mkdir{Path: "/d"}).Err, "the name is free")
	for tree.Unfinished() {
		do(t, tree, &namespace.Continue{})
	}
	require.Equal(t, checkpointOf(t, tree, &namespace.Mkdir{Path: "/x"}), checkpointOf(t, tree, &namespace.Mkdir{Path: "/x"}))
}

func checkpointOf(t *testing.T, tree *namespace.Tree, c cmd) []byte {
	other := namespace.New()
	require.NoError(t, other.Restore(bytes.NewReader(checkpoint(t, tree))))
	do(t, other, c)
	return checkpoint(t, other)
}

// TestSetAttrBelow goes on where it stopped, whatever comes and goes between.
func TestSetAttrBelow(t *testing.T) {
	tree := namespace.NewOfStep(2)
	for _, f := range []string{"/d/a/1", "/d/a/2", "/d/b", "/d/c/1", "/d/e"} {
		file(t, tree, f)
	}
	pin := true
	x := &namespace.SetAttrBelow{SetAttr: namespace.SetAttr{Path: "/d", Pin: &pin, Recursive: true}}
	for steps := 0; ; steps++ {
		a := do(t, tree, x)
		require.NoError(t, a.Err)
		if x.After = a.Next; x.After == "" {
			require.Equal(t, 2, steps)
			break
		}
		if steps == 0 {
			require.Equal(t, "a/1", x.After)
			require.NoError(t, do(t, tree, &namespace.Remove{Path: "/d/a/1"}, &namespace.Remove{Path: "/d/b"}).Err)
		}
	}
	for _, f := range []string{"/d/a/2", "/d/c/1", "/d/e"} {
		in, err := tree.Stat(f, nil)
		require.NoError(t, err)
		require.True(t, in.Pinned, f)
	}
}

// TestSetAttrBelowLeavesWhatIsOthers as chmod -R does.
func TestSetAttrBelowLeavesWhatIsOthers(t *testing.T) {
	tree := namespace.New()
	do(t, tree, &namespace.Mkdir{Path: "/d", Owner: "ann", Mode: 0o777})
	for _, owner := range []string{"ann", "bob"} {
		require.NoError(t, do(t, tree, &namespace.Mkdir{Path: "/d/" + owner, Owner: owner, Mode: 0o700}).Err)
		require.NoError(t, do(t, tree, &namespace.CreateFile{Path: "/d/" + owner + "/f", Owner: "ann", BlockSize: 1}).Err)
	}
	mode := 0o640
	a := do(t, tree, &namespace.SetAttrBelow{SetAttr: namespace.SetAttr{Path: "/d", User: user("ann"), Mode: fileMode(mode), Recursive: true}})
	require.ErrorIs(t, a.Err, namespace.ErrPermission)
	for path, want := range map[string]int{"/d/ann": 0o640, "/d/ann/f": 0o640, "/d/bob": 0o700, "/d/bob/f": 0o644} {
		in, err := tree.Stat(path, nil)
		require.NoError(t, err)
		require.EqualValues(t, want, in.Mode, path)
	}
}
