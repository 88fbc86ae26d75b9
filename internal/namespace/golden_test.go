package namespace_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/namespace"
)

var update = flag.Bool("update", false, "write the golden files")

// each is one command of every kind, with every field set.
func each() []cmd {
	u := &namespace.User{Name: "ann", Groups: []string{"g", "h"}, Superuser: true}
	id, lease := [16]byte{1, 2, 3}, [16]byte{9}
	acl := &namespace.ACL{Entries: []namespace.ACLEntry{{Tag: 'u', Name: "eve", Perm: 5}, {Tag: 'm', Perm: 4}}}
	return []cmd{
		&namespace.Mount{Path: "/m", User: u, Spec: []byte("spec"), ReadOnly: false, Place: "mem://a/b"},
		&namespace.CreateFile{Path: "/d/f", User: u, Parents: true, Overwrite: true, Extend: true, FileID: id, BlockSize: 1 << 20, Mode: 0o640, Owner: "ann", Group: "g", Lease: lease, Pin: true, TTL: 5, TTLAction: namespace.TTLDelete, ReplicasMin: 1, ReplicasMax: 3},
		&namespace.CompleteFile{Ino: 4, Lease: lease, FileID: id, Size: 77, ModTime: 1234567890, Homes: []string{"n1", "n2"}, Persist: namespace.ToPersist, Version: "v1"},
		&namespace.AbandonFile{Ino: 9, Lease: lease},
		&namespace.ExpireLeases{Lease: lease, Except: true},
		&namespace.Mkdir{Path: "/d/e/g", User: u, Parents: true, Mode: 0o700, Owner: "ann", Group: "g"},
		&namespace.Rename{From: "/d/e", To: "/d/r", User: u, Overwrite: true},
		&namespace.SetAttr{Path: "/d/f", User: u, Recursive: true, Pin: new(false), TTL: new(int64(8)), TTLAction: new(namespace.TTLFree), ReplicasMin: new(2), ReplicasMax: new(4), Mode: new(os.FileMode(0o600)), Owner: new("o"), Group: new("p"), ACL: acl, DefaultACL: acl, Xattr: map[string][]byte{"user.a": {1}}, RemoveXattr: []string{"user.b"}, ModTime: new(int64(66))},
		&namespace.Discover{Mount: "/m", SyncedAt: 3, Since: 1, Listed: []string{"x"}, Entries: []namespace.Found{{Path: "x/y", Size: 4, ModTime: 5, Mode: 0o644, Owner: "o", Group: "p", Version: "4-5-6", FileID: id, BlockSize: 1 << 20, Since: 2}, {Path: "z", Dir: true, Mode: 0o755}}},
		&namespace.Forget{Path: "/m/q", IfFileID: id, Since: 2},
		&namespace.Begin{Kind: namespace.IntentRename, Path: "/m/x", To: "/m/w", User: u, Recursive: true, Overwrite: true, Unchecked: true, Mode: 0o700, Owner: "o", Group: "p", Key: "k", Prior: "q", Payload: []byte("pay")},
		&namespace.Step{IntentID: 1, Paths: []string{"/m/x/y"}},
		&namespace.End{IntentID: 7, Commit: true, Version: "v", ModTime: 4},
		&namespace.MarkPersist{Ino: 4},
		&namespace.PersistedFile{Ino: 4, FileID: [16]byte{7}, Version: "v2"},
		&namespace.MarkLost{Ino: 4, FileID: id, Found: true},
		&namespace.Remove{Path: "/d/r", User: u, Recursive: true, CacheOnly: true},
		&namespace.Unmount{Path: "/nothing", User: u, Force: true},
	}
}

// later are commands that came after the golden checkpoint.
func later() []cmd {
	return []cmd{&namespace.Remount{Path: "/m", User: &namespace.User{Name: "ann", Superuser: true}, Spec: []byte("other"), ReadOnly: true}}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, want, got, "the format changed: a new version has to open the old one, or to name it (-update writes the files)")
}

// TestFormats compares each command, its answer, and the checkpoint after them with files that were written before.
func TestFormats(t *testing.T) {
	tree := namespace.New()
	var lines strings.Builder
	index := uint64(0)
	apply := func(list []cmd) {
		for _, c := range list {
			index++
			raw := c.Append(nil)
			answer, _ := tree.Apply(index, int64(index)*1000, raw)
			fmt.Fprintf(&lines, "%T\n\t%x\n\t%x\n", c, raw, answer)
		}
	}
	apply(each())
	golden(t, "checkpoint.v3", checkpoint(t, tree))
	apply(later())
	golden(t, "commands.v1.txt", []byte(lines.String()))
	require.True(t, tree.Mounts()[0].ReadOnly)
	require.Equal(t, "other", string(tree.Mounts()[0].Spec))
	require.Equal(t, "mem://a/b", tree.Mounts()[0].Place, "the place stays")
}

// TestFormatsOfLevel2 does the same for the commands that came with level 2, on a tree that leaves work unfinished.
func TestFormatsOfLevel2(t *testing.T) {
	tree := namespace.NewOfStep(2)
	for _, f := range []string{"/a/1", "/a/2", "/a/b/3", "/c/4", "/c/5", "/c/6"} {
		file(t, tree, f)
	}
	looked := &namespace.Discover{Mount: "/m", SyncedAt: 3, Since: 9}
	for _, name := range []string{"d/x", "d/y", "d/z"} {
		looked.Entries = append(looked.Entries, namespace.Found{Path: name, Since: 9})
	}
	do(t, tree, &namespace.Mount{Path: "/m", Place: "mem://a"}, looked)
	var lines strings.Builder
	for i, c := range []cmd{
		&namespace.SetAttrBelow{SetAttr: namespace.SetAttr{Path: "/c", Recursive: true, Pin: new(true)}, After: "3", Intent: 7},
		&namespace.Remove{Path: "/a", Recursive: true},
		&namespace.Continue{},
		&namespace.Discover{Mount: "/m", SyncedAt: 4, Since: 20, Listed: []string{"d"}},
	} {
		raw := c.Append(nil)
		level, err := namespace.Level(raw)
		require.NoError(t, err)
		answer, _ := tree.Apply(uint64(i+20), 1000, raw)
		fmt.Fprintf(&lines, "%T level %d\n\t%x\n\t%x\n", c, level, raw, answer)
	}
	require.True(t, tree.Unfinished())
	golden(t, "commands.v1.level2.txt", []byte(lines.String()))
	golden(t, "checkpoint.v3.unfinished", checkpoint(t, tree))

	others := map[string]*namespace.Tree{}
	for _, name := range []string{"checkpoint.v2.unfinished", "checkpoint.v3.unfinished"} {
		b, err := os.ReadFile("testdata/" + name)
		require.NoError(t, err)
		others[name] = namespace.NewOfStep(2)
		require.NoError(t, others[name].Restore(bytes.NewReader(b)))
	}
	for tree.Unfinished() {
		want := do(t, tree, &namespace.Continue{})
		for name, other := range others {
			require.Equal(t, want, do(t, other, &namespace.Continue{}), name)
		}
	}
	for name, other := range others {
		require.Equal(t, checkpoint(t, tree), checkpoint(t, other), name)
	}
}

// TestFormatsOfLevel3 does the same for the commands that came with leases of intents.
func TestFormatsOfLevel3(t *testing.T) {
	tree := namespace.New()
	do(t, tree, &namespace.Mount{Path: "/m", Place: "mem://a"}, &namespace.Mkdir{Path: "/m/d"})
	first, second := [16]byte{1, 2, 15: 1}, [16]byte{1, 2, 15: 2}
	var lines strings.Builder
	for i, c := range []cmd{
		&namespace.BeginBy{Begin: namespace.Begin{Kind: namespace.IntentMkdir, Path: "/m/d/e", Mode: 0o700, Owner: "ann", Group: "g"}, Lease: first},
		&namespace.BeginBy{Begin: namespace.Begin{Kind: namespace.IntentMkdir, Path: "/m/d/f"}, Lease: first},
		&namespace.Adopt{IntentID: 1, From: first, To: second},
		&namespace.EndBy{End: namespace.End{IntentID: 2, Commit: true, Version: "v", ModTime: 4}, Lease: first},
		&namespace.EndBy{End: namespace.End{IntentID: 1, Commit: true}, Lease: first},
		&namespace.ExpireNode{Node: [8]byte{1, 2}, Keep: second},
		&namespace.SetHomes{Ino: 9, FileID: [16]byte{3}, Add: []string{"n1"}, Drop: []string{"n2", "n3"}, Lost: true},
		&namespace.FreeFiles{Files: []namespace.Freeing{{Ino: 4, FileID: [16]byte{7}}, {Ino: 300}}},
	} {
		raw := c.Append(nil)
		level, err := namespace.Level(raw)
		require.NoError(t, err)
		require.EqualValues(t, 3, level)
		answer, _ := tree.Apply(uint64(i+20), 1000, raw)
		fmt.Fprintf(&lines, "%T level %d\n\t%x\n\t%x\n", c, level, raw, answer)
	}
	golden(t, "commands.v1.level3.txt", []byte(lines.String()))
	golden(t, "checkpoint.v3.leased", checkpoint(t, tree))

	b, err := os.ReadFile("testdata/checkpoint.v3.leased")
	require.NoError(t, err)
	other := namespace.New()
	require.NoError(t, other.Restore(bytes.NewReader(b)))
	require.Equal(t, tree.Intents(), other.Intents())
	require.Equal(t, [][16]byte{second}, other.Leases())
}

// TestFormatsOfLevel4 does the same for nodes that leave.
func TestFormatsOfLevel4(t *testing.T) {
	tree := namespace.New()
	file(t, tree, "/f")
	var lines strings.Builder
	for i, c := range []cmd{
		&namespace.Leaving{Leaver: namespace.Leaver{Node: "n1", Lease: [16]byte{1, 15: 2}}},
		&namespace.Leaving{Leaver: namespace.Leaver{Node: "n2", Lease: [16]byte{3}}},
		&namespace.Leaving{Leaver: namespace.Leaver{Node: "n1", Lease: [16]byte{1, 15: 2}}, Ended: true},
	} {
		raw := c.Append(nil)
		level, err := namespace.Level(raw)
		require.NoError(t, err)
		require.EqualValues(t, namespace.MaxLevel, level)
		answer, _ := tree.Apply(uint64(i+20), 1000, raw)
		fmt.Fprintf(&lines, "%T level %d\n\t%x\n\t%x\n", c, level, raw, answer)
	}
	golden(t, "commands.v1.level4.txt", []byte(lines.String()))
	golden(t, "checkpoint.v4", checkpoint(t, tree))

	b, err := os.ReadFile("testdata/checkpoint.v4")
	require.NoError(t, err)
	other := namespace.New()
	require.NoError(t, other.Restore(bytes.NewReader(b)))
	require.Equal(t, tree.Leavers(), other.Leavers())
	require.Equal(t, "n2", other.Leavers()[0].Node)
	do(t, other, &namespace.ExpireLeases{Except: true})
	require.Equal(t, "MPNS\x03", string(checkpoint(t, other)[1:6]), "without any, an older node reads it")
}

// TestOldCheckpointsOpen restores files that were written before, the first one when lists had no mask of their own.
func TestOldCheckpointsOpen(t *testing.T) {
	for _, name := range []string{"checkpoint.v2.first", "checkpoint.v2", "checkpoint.v3"} {
		t.Run(name, func(t *testing.T) { oldCheckpoint(t, name) })
	}
	for _, v := range []string{"\x01", "\x05"} {
		require.ErrorContains(t, namespace.New().Restore(strings.NewReader("\x05MPNS"+v)), "unknown format")
	}
}

func oldCheckpoint(t *testing.T, name string) {
	b, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	tree := namespace.New()
	require.NoError(t, tree.Restore(bytes.NewReader(b)))
	in, err := tree.Stat("/d/f", nil)
	require.NoError(t, err)
	require.Equal(t, "o", in.Owner)
	require.EqualValues(t, 77, in.Size)
	require.Len(t, tree.Intents(), 1)
	require.Len(t, tree.Mounts(), 1)
}
