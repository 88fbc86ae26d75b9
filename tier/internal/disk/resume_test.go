package disk_test

import (
	"io/fs"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/tier/internal/disk"
)

// TestPutUnless drops a block while its bytes are being written.
func TestPutUnless(t *testing.T) {
	var dropped atomic.Bool
	var hook func()
	fsys := vfs.NewFaulty(vfs.NewMem(), func(op vfs.Op) error {
		if op.Kind == vfs.OpWrite && hook != nil && filepath.Ext(op.Name) != "" {
			hook()
		}
		return nil
	})
	d := open(t, fsys, "/d", disk.Options{})
	id := blockID(1, 1)
	hook = func() { dropped.Store(true) }
	_, err := d.PutUnless(&dropped, id, [][]byte{content(id, 5000)}, disk.Held)
	require.ErrorIs(t, err, disk.ErrDropped)
	_, _, _, ok := d.Lookup(id)
	require.False(t, ok)
	require.Zero(t, d.Used(), "its space is free again")
	hook = nil
	var fresh atomic.Bool
	_, err = d.PutUnless(&fresh, id, [][]byte{content(id, 5000)}, disk.Held)
	require.NoError(t, err)
	requireBlock(t, d, id, 5000)
}

func TestDeleteIf(t *testing.T) {
	d := open(t, vfs.NewMem(), "/d", disk.Options{})
	put(t, d, blockID(1, 1), 100)
	require.False(t, d.DeleteIf(blockID(1, 1), disk.Held))
	require.NoError(t, d.SetFlags(blockID(1, 1), disk.Held))
	require.False(t, d.DeleteIf(blockID(1, 1), 0))
	requireBlock(t, d, blockID(1, 1), 100)
	require.True(t, d.DeleteIf(blockID(1, 1), disk.Held))
	require.False(t, d.DeleteIf(blockID(1, 1), disk.Held))
}

// TestResume lets a directory go on after its writes failed: what was dropped and held meanwhile is durable.
func TestResume(t *testing.T) {
	var bad atomic.Bool
	mem := vfs.NewMem()
	fsys := vfs.NewFaulty(mem, func(op vfs.Op) error {
		if bad.Load() && op.Kind.Mutates() {
			return syscall.EROFS
		}
		return nil
	})
	d := open(t, fsys, "/d", disk.Options{})
	for i := range 4 {
		put(t, d, blockID(i, 0), 5000)
	}
	require.NoError(t, d.Sync(blockID(0, 0), blockID(1, 0), blockID(2, 0)))
	bad.Store(true)
	require.ErrorIs(t, d.Resume(), syscall.EROFS)
	require.True(t, d.Delete(blockID(0, 0)))
	require.ErrorIs(t, d.SetFlags(blockID(1, 0), disk.Held), disk.ErrDirFailed)
	bad.Store(false)
	require.NoError(t, d.Resume())

	again := open(t, mem.CrashKeepingNothing(), "/d", disk.Options{})
	_, _, _, ok := again.Lookup(blockID(0, 0))
	require.False(t, ok)
	_, _, flags, ok := again.Lookup(blockID(1, 0))
	require.True(t, ok)
	require.Equal(t, disk.Held, flags)
	requireBlock(t, again, blockID(2, 0), 5000)

	require.NoError(t, mem.RemoveAll("/d"))
	require.ErrorIs(t, d.Present(), fs.ErrNotExist)
	require.ErrorIs(t, d.Resume(), fs.ErrNotExist)
	require.ErrorIs(t, d.Close(), fs.ErrNotExist, "what it holds is lost")
	require.ErrorIs(t, d.Resume(), disk.ErrClosed)
}

// TestReconcile opens a directory anew whose last changes never reached the disk.
func TestReconcile(t *testing.T) {
	mem := vfs.NewMem()
	old := open(t, mem, "/d", disk.Options{})
	for i := range 5 {
		put(t, old, blockID(i, 0), 5000)
	}
	require.NoError(t, old.SetFlags(blockID(3, 0), disk.Held))
	require.NoError(t, old.Sync(blockID(0, 0), blockID(1, 0), blockID(2, 0), blockID(4, 0)))
	before := mem.CrashKeepingNothing()
	require.True(t, old.Delete(blockID(0, 0)))
	require.NoError(t, old.Close())
	require.True(t, old.Delete(blockID(1, 0)), "a closed one remembers")
	require.ErrorIs(t, old.SetFlags(blockID(2, 0), disk.Pinned), disk.ErrClosed)
	require.ErrorIs(t, old.SetFlags(blockID(3, 0), 0), disk.ErrClosed)

	d := open(t, before, "/d", disk.Options{})
	require.Equal(t, 5, d.Blocks())
	require.NoError(t, d.Reconcile(old))
	want := map[disk.ID]disk.Flags{blockID(2, 0): disk.Pinned, blockID(3, 0): 0, blockID(4, 0): 0}
	check := func(d *disk.Dir) {
		have := map[disk.ID]disk.Flags{}
		for info := range d.All() {
			have[info.ID] = info.Flags
		}
		require.Equal(t, want, have)
	}
	check(d)
	require.NoError(t, d.Close())
	check(open(t, before, "/d", disk.Options{}))
}

// TestReconcileLeavesWhatIsNewer marks, drops and puts in the directory that was opened again before it is reconciled.
func TestReconcileLeavesWhatIsNewer(t *testing.T) {
	mem := vfs.NewMem()
	old := open(t, mem, "/d", disk.Options{})
	for i := range 4 {
		put(t, old, blockID(i, 0), 5000)
		require.NoError(t, old.SetFlags(blockID(i, 0), disk.Held))
	}
	before := mem.CrashKeepingNothing()
	require.NoError(t, old.Close())
	require.ErrorIs(t, old.SetFlags(blockID(3, 0), disk.Held|disk.Pinned), disk.ErrClosed)

	d := open(t, before, "/d", disk.Options{})
	require.NoError(t, d.ChangeFlags(blockID(0, 0), 0, disk.Held), "held no more")
	require.True(t, d.Delete(blockID(1, 0)))
	put(t, d, blockID(1, 0), 5000) // and come back, not held
	require.NoError(t, d.ChangeFlags(blockID(2, 0), disk.Held, 0), "changes nothing, and counts all the same")
	require.ErrorIs(t, old.SetFlags(blockID(2, 0), 0), disk.ErrClosed)
	put(t, d, blockID(9, 0), 5000) // old never had it
	require.NoError(t, d.Reconcile(old))
	have := map[disk.ID]disk.Flags{}
	for info := range d.All() {
		have[info.ID] = info.Flags
	}
	require.Equal(t, map[disk.ID]disk.Flags{
		blockID(0, 0): 0, blockID(1, 0): 0, blockID(2, 0): disk.Held, blockID(3, 0): disk.Held | disk.Pinned, blockID(9, 0): 0,
	}, have)
}
