package fileufs_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/ufstest"
)

const nobody = 65534

// deny takes everybody's permissions from a file. Root, who reads it all the same, asks as nobody.
func deny(tb testing.TB, s *ufs.Store, key string) *ufs.Store {
	require.NoError(tb, os.Chmod(filepath.Join(dirOf(s), filepath.FromSlash(key)), 0))
	if os.Getuid() != 0 {
		return s
	}
	denied, err := ufs.New(unprivileged{ufstest.Driver(s)}, s.ID(), nil)
	require.NoError(tb, err)
	return denied
}

// unprivileged opens and describes files as the user nobody.
type unprivileged struct{ driver.Store }

func (u unprivileged) Stat(ctx context.Context, key string) (a driver.Attr, err error) {
	asNobody(func() { a, err = u.Store.Stat(ctx, key) })
	return a, err
}

func (u unprivileged) Open(ctx context.Context, key string, off, n int64, version string) (rc io.ReadCloser, a driver.Attr, err error) {
	asNobody(func() { rc, a, err = u.Store.Open(ctx, key, off, n, version) })
	return rc, a, err
}

// asNobody calls f in a thread that has nobody's rights to files, and ends with it.
func asNobody(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for ever: the thread is not used again
		if err := unix.Setfsuid(nobody); err != nil {
			panic(err)
		}
		f()
	}()
	<-done
}
