package cachefs_test

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/objects"
	"github.com/millpond/millpond/ufs/objects/objectstest"
	"github.com/millpond/millpond/ufs/ufstest"
)

// bucketNode is a node over a bucket, where a rename is a copy and a deletion, that goes wrong by a script.
type bucketNode struct {
	*testing.T
	disk *vfs.Mem
	f    *ufstest.Faulty
	s    *ufs.Store
	n    *cachefs.Node
}

func overBucket(t *testing.T, test func(b *bucketNode)) {
	bubbletest.Test(t, func(t *testing.T) {
		f, err := ufstest.NewFaulty(objects.New(objectstest.New(&objectstest.Options{PageSize: 5}), "p/"), "")
		require.NoError(t, err)
		s, err := ufs.New(f, "test://bucket/p", &ufs.Options{Attempts: 1, DisableBreaker: true})
		require.NoError(t, err)
		b := &bucketNode{T: t, disk: vfs.NewMem(), f: f, s: s}
		b.open()
		test(b)
		require.NoError(t, b.n.Close())
		require.NoError(t, s.Close())
	})
}

func (b *bucketNode) open() {
	b.Helper()
	n, err := cachefs.Open(b.Context(), cachefs.Config{
		Dir: "/node", FS: b.disk, Mounts: []cachefs.MountConfig{{Path: "/m", Store: b.s}},
	})
	require.NoError(b, err)
	b.n = n
}

func (b *bucketNode) play(script string) {
	b.Helper()
	require.NoError(b, b.f.Play(script))
}

// write puts a file through the node into the store.
func (b *bucketNode) write(path string) {
	b.Helper()
	w, err := b.n.Create(b.Context(), path, &cachefs.CreateOptions{Parents: true, WriteType: cachefs.CacheThrough})
	require.NoError(b, err)
	_, err = w.Write([]byte("content of " + path))
	require.NoError(b, err)
	require.NoError(b, w.Close())
	time.Sleep(time.Second) // a look is later than what was written: as on a clock that runs
}

// holds asserts that the namespace has what was written at one of two paths, whole, and not at both.
func (b *bucketNode) holds(was string, paths ...string) (at string) {
	b.Helper()
	for _, path := range paths {
		in, err := b.n.Stat(b.Context(), path, nil)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		require.NoError(b, err)
		require.False(b, in.IsDir())
		require.Empty(b, at, "%s is at both", was)
		at = path
		require.NoError(b, b.n.Free(b.Context(), path, nil))
		require.Equal(b, "content of "+was, string(readAll(b.T, b.n, path)), "from the store")
	}
	require.NotEmpty(b, at, "%s is nowhere", was)
	return at
}

// TestComposedRename: a file moves in a store that can only copy, and what is cached of it stays.
func TestComposedRename(t *testing.T) {
	overBucket(t, func(b *bucketNode) {
		b.write("/m/d/f")
		require.NoError(b, b.n.Rename(b.Context(), "/m/d/f", "/m/e", nil))
		before := b.s.Metrics().BytesRead
		require.Equal(b, "content of /m/d/f", string(readAll(b.T, b.n, "/m/e")))
		require.Equal(b, before, b.s.Metrics().BytesRead, "it was cached")
		require.Equal(b, "/m/e", b.holds("/m/d/f", "/m/d/f", "/m/e"))
	})
}

// TestComposedRenameDoubt cuts a rename off at each call of the store, which then works again: the namespace has the file
// at one path, whole, and so has the store.
func TestComposedRenameDoubt(t *testing.T) {
	for _, overwrite := range []bool{false, true} {
		for n, cut := 1, true; cut; n++ {
			for _, lost := range []string{"", "done "} {
				overBucket(t, func(b *bucketNode) {
					b.write("/m/from")
					if overwrite {
						b.write("/m/to")
					}
					before := len(b.f.Log())
					b.play(fmt.Sprintf("* nth=%d %sfail=reset\n* nth=%d-%d fail=reset", n, lost, n+1, n+3))
					err := b.n.Rename(b.Context(), "/m/from", "/m/to", &cachefs.RenameOptions{Overwrite: overwrite})
					cut = len(b.f.Log())-before >= n
					time.Sleep(time.Minute) // what is in doubt is settled
					b.play("")
					at := b.settled(overwrite)
					if err == nil {
						require.Equal(b, "/m/to", at)
					}
				})
			}
			require.Less(t, n, 100)
		}
	}
}

// settled asserts where the file is, in the namespace and in the store.
func (b *bucketNode) settled(overwrite bool) (at string) {
	b.Helper()
	if overwrite {
		if _, err := b.n.Stat(b.Context(), "/m/from", nil); err == nil {
			at = b.holds("/m/from", "/m/from")
			b.holds("/m/to", "/m/to")
		} else {
			at = b.holds("/m/from", "/m/to")
		}
	} else {
		at = b.holds("/m/from", "/m/from", "/m/to")
	}
	_, errFrom := b.s.Stat(b.Context(), "from")
	_, errTo := b.s.Stat(b.Context(), "to")
	require.Equal(b, at == "/m/from", errFrom == nil, "from in the store")
	require.True(b, overwrite || (at == "/m/to") == (errTo == nil), "to in the store")
	return at
}

// TestComposedRenameOfStrangers: what somebody else has put under the new name is left alone when a rename is settled.
func TestComposedRenameOfStrangers(t *testing.T) {
	overBucket(t, func(b *bucketNode) {
		b.write("/m/from")
		b.play("copy done fail=reset\nstat key=to nth=3- fail=reset\nstat key=from nth=2- fail=reset") // it was looked at before
		require.Error(b, b.n.Rename(b.Context(), "/m/from", "/m/to", nil))
		_, err := b.s.ReadAt(b.Context(), "to", "", make([]byte, 16), 0)
		require.NoError(b, err, "the copy was made, its answer lost, and nothing settled yet")
		b.put("to", "a stranger's bytes")
		b.play("")
		time.Sleep(time.Minute)
		require.Equal(b, "content of /m/from", string(readAll(b.T, b.n, "/m/from")))
		got := make([]byte, 18)
		_, err = b.s.ReadAt(b.Context(), "to", "", got, 0)
		require.NoError(b, err)
		require.Equal(b, "a stranger's bytes", string(got))
	})
}

// TestComposedRenameOfDirectory: the copies in it are read as what they are, at once.
func TestComposedRenameOfDirectory(t *testing.T) {
	overBucket(t, func(b *bucketNode) {
		for i := range 12 { // several pages
			b.write(fmt.Sprintf("/m/from/b/%02d", i))
		}
		require.NoError(b, b.n.Rename(b.Context(), "/m/from", "/m/to", nil))
		for i := range 12 {
			b.holds(fmt.Sprintf("/m/from/b/%02d", i), fmt.Sprintf("/m/to/b/%02d", i))
		}
	})
}

// TestComposedRenameRefusedInTheMiddle: a certain error, such as no permission for one of the files, is no certainty that
// nothing has moved.
func TestComposedRenameRefusedInTheMiddle(t *testing.T) {
	overBucket(t, func(b *bucketNode) {
		b.write("/m/from/a")
		b.write("/m/from/b/c")
		b.play("delete key=from/b/c fail=permission")
		require.ErrorIs(b, b.n.Rename(b.Context(), "/m/from", "/m/to", nil), cachefs.ErrPermission)
		b.play("")
		time.Sleep(time.Minute)
		require.Equal(b, "/m/to/a", b.holds("/m/from/a", "/m/from/a", "/m/to/a"))
		require.Equal(b, "/m/to/b/c", b.holds("/m/from/b/c", "/m/from/b/c", "/m/to/b/c"))
	})
}

// TestComposedRenameOfWhatOthersWrote: what was copied is not taken for what is cached.
func TestComposedRenameOfWhatOthersWrote(t *testing.T) {
	overBucket(t, func(b *bucketNode) {
		b.write("/m/from")
		b.put("from", "somebody else's")
		require.NoError(b, b.n.Rename(b.Context(), "/m/from", "/m/to", nil))
		in, err := b.n.Stat(b.Context(), "/m/to", &cachefs.StatOptions{Sync: true})
		require.NoError(b, err)
		require.EqualValues(b, len("somebody else's"), in.Size())
		require.Equal(b, "somebody else's", string(readAll(b.T, b.n, "/m/to")))
	})
}

// put writes past the node.
func (b *bucketNode) put(key, content string) {
	b.Helper()
	w, err := b.s.Create(b.Context(), key, ufs.CreateOptions{})
	require.NoError(b, err)
	_, err = w.Write([]byte(content))
	require.NoError(b, err)
	_, err = w.Commit(b.Context())
	require.NoError(b, err)
}

// TestComposedRenameOfDirectoryDoubt, cut off at each call of the store.
func TestComposedRenameOfDirectoryDoubt(t *testing.T) {
	names := []string{"a", "b/c", "b/d"}
	for n, cut := 1, true; cut; n++ {
		overBucket(t, func(b *bucketNode) {
			for _, name := range names {
				b.write("/m/from/" + name)
			}
			before := len(b.f.Log())
			b.play(fmt.Sprintf("* nth=%d-%d fail=reset", n, n+4))
			err := b.n.Rename(b.Context(), "/m/from", "/m/to", nil)
			cut = len(b.f.Log())-before >= n
			time.Sleep(time.Minute)
			b.play("")
			for _, err := range b.n.List(b.Context(), "/m", &cachefs.ListOptions{Recursive: true, Sync: true}) {
				require.NoError(b, err) // the look that follows a move may have been cut off as well
			}
			for _, name := range names {
				key := "from/" + name
				if _, errTo := b.s.Stat(b.Context(), "to/"+name); errTo == nil {
					key = "to/" + name
				}
				_, errStat := b.n.Stat(b.Context(), "/m/"+key, nil)
				require.NoError(b, errStat, "the namespace has %s where the store has it (rename: %v)", name, err)
				other := map[bool]string{true: "to/", false: "from/"}[key == "from/"+name] + name
				_, errOther := b.s.Stat(b.Context(), other)
				require.ErrorIs(b, errOther, driver.ErrNotExist, "and nowhere else")
				b.holds("/m/from/"+name, "/m/"+key)
			}
		})
		require.Less(t, n, 200)
	}
}
