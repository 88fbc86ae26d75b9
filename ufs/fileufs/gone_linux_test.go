package fileufs_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/fileufs"
)

// remote is the least network file system there is: over FUSE, with one file "f" of 7 bytes.
type remote struct {
	dir      string
	dev      *os.File
	done     sync.WaitGroup
	replaced atomic.Int64 // times that f is another file as soon as it was found; the one before is forgotten
	silent   sync.RWMutex // held, it answers nothing
}

// mountRemote mounts it; the test is skipped where that may not be.
func mountRemote(t *testing.T, dir string) *remote {
	t.Helper()
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Skipf("no FUSE: %v", err)
	}
	opts := fmt.Sprintf("fd=%d,rootmode=40000,user_id=%d,group_id=%d", fd, os.Getuid(), os.Getgid())
	if err := unix.Mount("remote", dir, "fuse", 0, opts); err != nil {
		unix.Close(fd)
		t.Skipf("no FUSE mount: %v", err)
	}
	r := &remote{dir: dir, dev: os.NewFile(uintptr(fd), "/dev/fuse")}
	r.done.Go(r.serve)
	r.noPoll(t)
	t.Cleanup(func() {
		_ = unix.Unmount(dir, unix.MNT_DETACH) // done already where the test got that far
		r.die()
	})
	return r
}

// die ends the server; the mount stays, as that of a server that is gone does.
func (r *remote) die() {
	r.dev.Close()
	r.done.Wait()
}

func (r *remote) unmount(t *testing.T) {
	t.Helper()
	require.NoError(t, unix.Unmount(r.dir, unix.MNT_DETACH))
}

// noPoll lets the kernel ask once whether files here can be waited for, and hear that they cannot. It would ask while
// the runtime's poller, which this server needs, waits for the answer.
func (r *remote) noPoll(t *testing.T) {
	t.Helper()
	fd, err := unix.Open(filepath.Join(r.dir, "f"), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	require.NoError(t, err)
	defer unix.Close(fd)
	_, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
	require.NoError(t, err)
}

// whenItSpeaks waits while it is silent.
func (r *remote) whenItSpeaks() {
	r.silent.RLock()
	defer r.silent.RUnlock()
}

// serve answers the requests of the kernel's FUSE protocol, version 7.31, that looking at a file makes.
func (r *remote) serve() {
	const (
		header                                            = 40
		lookup, forget, getattr, read, statfs, initialize = 1, 2, 3, 15, 17, 26
		opendir, releasedir, interrupt, batchForget, end  = 27, 29, 36, 42, 38
	)
	le := binary.LittleEndian
	buf := make([]byte, 1<<20)
	f := uint64(2)
	for {
		n, err := r.dev.Read(buf)
		if err != nil {
			return
		}
		r.whenItSpeaks()
		op, node := le.Uint32(buf[4:]), le.Uint64(buf[16:])
		var body []byte
		errno := unix.Errno(0)
		switch op {
		case forget, batchForget, interrupt, end:
			continue
		case initialize:
			body = make([]byte, 64)
			le.PutUint32(body, 7)
			le.PutUint32(body[4:], 31)
			le.PutUint32(body[20:], 1<<17)
		case getattr:
			if node != 1 && node != f {
				errno = unix.ENOENT
				break
			}
			body = append(make([]byte, 16), attributes(node)...)
		case lookup:
			if errno = unix.ENOENT; string(buf[header:n]) == "f\x00" {
				errno = 0
				body = append(make([]byte, 40), attributes(f)...)
				le.PutUint64(body, f)
				if r.replaced.Add(-1) >= 0 {
					f++
				}
			}
		case read:
			body = []byte("content")[min(7, le.Uint64(buf[header+8:])):]
		case opendir:
			body = make([]byte, 16)
		case statfs:
			body = make([]byte, 80)
		case releasedir:
		default:
			errno = unix.ENOSYS
		}
		out := make([]byte, 16, 16+len(body))
		le.PutUint32(out, uint32(16+len(body)))
		le.PutUint32(out[4:], uint32(-int32(errno)))
		copy(out[8:], buf[8:16])
		if _, err := r.dev.Write(append(out, body...)); err != nil {
			return
		}
	}
}

// attributes are those of the root, node 1, and of f, any other.
func attributes(node uint64) []byte {
	le := binary.LittleEndian
	a := make([]byte, 88)
	le.PutUint64(a, node)
	mode := uint32(unix.S_IFDIR | 0o755)
	if node > 1 {
		le.PutUint64(a[8:], 7)
		mode = unix.S_IFREG | 0o644
	}
	le.PutUint64(a[32:], uint64(time.Now().Add(-time.Hour).Unix()))
	le.PutUint32(a[60:], mode)
	le.PutUint32(a[64:], 1)
	return a
}

// TestMountThatGoesAway is a store that is down, not files that are gone, until it is mounted again: not what lies below
// the mount point either.
func TestMountThatGoesAway(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "f"), "the bare directory's", time.Hour)
	r := mountRemote(t, dir)
	s, err := fileufs.Open(dir, &fileufs.Options{UFS: &ufs.Options{Attempts: 1, DisableBreaker: true}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	require.EqualValues(t, 7, stat(t, s, "f").Size)
	_, err = s.Stat(t.Context(), "g")
	require.ErrorIs(t, err, driver.ErrNotExist)

	down := func(when string) {
		t.Helper()
		_, stat := s.Stat(t.Context(), "f")
		_, list := s.ListPage(t.Context(), ufs.ListOptions{})
		_, _, open := s.Open(t.Context(), "f", 0, -1, "")
		for _, err := range []error{stat, list, open, s.Delete(t.Context(), "f")} {
			require.ErrorIs(t, err, driver.ErrUnavailable, when)
			require.NotErrorIs(t, err, driver.ErrNotExist, when)
		}
	}
	r.die()
	down("the server is gone")
	r.unmount(t)
	down("it is not mounted")
	mountRemote(t, dir)
	_, err = s.Stat(t.Context(), "f")
	require.ErrorIs(t, err, driver.ErrUnavailable, "the call that finds it")
	require.EqualValues(t, 7, stat(t, s, "f").Size, "it is back")
	_, err = s.Stat(t.Context(), "g")
	require.ErrorIs(t, err, driver.ErrNotExist)
}

// TestReplacedWhileItIsOpened: a server that has forgotten a file which another has replaced says so of the open one; the
// name is still there.
func TestReplacedWhileItIsOpened(t *testing.T) {
	dir := t.TempDir()
	r := mountRemote(t, dir)
	s := open(t, dir)
	r.replaced.Store(3)
	rc, a, err := s.Open(t.Context(), "f", 0, -1, "")
	require.NoError(t, err, "the fourth stays")
	require.EqualValues(t, 7, a.Size)
	require.NoError(t, rc.Close())

	r.replaced.Store(1000)
	_, _, err = s.Open(t.Context(), "f", 0, -1, "")
	require.ErrorIs(t, err, driver.ErrChanged)
	require.NotErrorIs(t, err, driver.ErrNotExist)
	require.Positive(t, r.replaced.Load(), "it gives up")

	r.replaced.Store(0)
	rc, _, err = s.Open(t.Context(), "f", 0, -1, "")
	require.NoError(t, err)
	r.replaced.Store(1)
	_, _ = os.Lstat(filepath.Join(dir, "f")) // finds it, and then it is replaced
	_, err = io.ReadAll(rc)
	require.ErrorIs(t, err, driver.ErrChanged)
	require.NoError(t, rc.Close())
}
