package hdfsufs_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/hdfsufs"
)

// TestErrors is the table of the package's description.
func TestErrors(t *testing.T) {
	const fs, protocol = "org.apache.hadoop.fs.", "org.apache.hadoop.hdfs.protocol."
	for class, want := range map[string]error{
		"java.io.FileNotFoundException":                               driver.ErrNotExist,
		fs + "ParentNotDirectoryException":                            driver.ErrNotDir,
		fs + "FileAlreadyExistsException":                             driver.ErrExist,
		fs + "PathIsNotEmptyDirectoryException":                       driver.ErrNotEmpty,
		fs + "InvalidPathException":                                   driver.ErrInvalid,
		"org.apache.hadoop.HadoopIllegalArgumentException":            driver.ErrInvalid,
		protocol + "FSLimitException$PathComponentTooLongException":   driver.ErrInvalid,
		"org.apache.hadoop.security.AccessControlException":           driver.ErrPermission,
		"org.apache.hadoop.security.authorize.AuthorizationException": driver.ErrPermission,
		protocol + "SnapshotAccessControlException":                   driver.ErrReadOnly,
		"java.lang.UnsupportedOperationException":                     driver.ErrUnsupported,
		"org.apache.hadoop.ipc.RpcNoSuchMethodException":              driver.ErrUnsupported,
		protocol + "DSQuotaExceededException":                         nil,
		"java.io.IOException":                                         nil,
	} {
		f := newFake(t, map[string]answer{"delete": throws(class), "getListing": says("dirList:{remainingEntries:0}")})
		err := f.open().Delete(t.Context(), "f")
		isOnly(t, err, want)
		if want == nil {
			require.ErrorContains(t, err, "delete: "+class[len(class)-len("Exception"):][:0], "the method")
			require.ErrorContains(t, err, "it says")
		}
		require.Equal(t, 1, count(f.made(), "delete"), "%s: asked once", class)
	}
}

// isOnly asserts that err has one condition and no other, none for nil, is known to have had no effect, and is no trace.
func isOnly(t *testing.T, err, want error) {
	t.Helper()
	require.Error(t, err)
	require.NotContains(t, err.Error(), "hunter2")
	for _, e := range []error{driver.ErrExist, driver.ErrNotEmpty, driver.ErrPermission, driver.ErrInvalid, driver.ErrReadOnly, driver.ErrUnsupported, driver.ErrNotDir} {
		require.Equal(t, e == want, errors.Is(err, e), "%v is %v", err, e)
	}
	require.Equal(t, want == driver.ErrNotExist || want == driver.ErrNotDir, errors.Is(err, driver.ErrNotExist))
	require.False(t, unknown(err), "%v", err)
}

func unknown(err error) bool {
	_, is := errors.AsType[*driver.Unknown](err)
	return is
}

func count(calls []string, method string) (n int) {
	for _, c := range calls {
		if c == method {
			n++
		}
	}
	return n
}

// TestLater: a NameNode that asks to come back is asked again, also for a change.
func TestLater(t *testing.T) {
	for _, class := range []string{"org.apache.hadoop.hdfs.server.namenode.SafeModeException", "org.apache.hadoop.ipc.RetriableException"} {
		f := newFake(t, nil)
		f.on("delete", twice(throws(class), says("result:true")))
		require.NoError(t, f.open().Delete(t.Context(), "f"))
		require.Equal(t, 2, count(f.made(), "delete"))
	}
}

// twice answers the first time so, and from then on otherwise.
func twice(first, then answer) answer {
	var asked atomic.Int32
	return func(req protoreflect.Message) (string, error) {
		if asked.Add(1) == 1 {
			return first(req)
		}
		return then(req)
	}
}

// TestLostAnswers: a change whose answer is lost is Unknown, and is not made again blindly.
func TestLostAnswers(t *testing.T) {
	f := newFake(t, map[string]answer{"delete": hangsUp, "mkdirs": hangsUp, "setOwner": hangsUp})
	s := f.open()
	require.True(t, unknown(s.Delete(t.Context(), "f")))
	require.Equal(t, 1, count(f.made(), "delete"))
	_, err := s.SetOwner(t.Context(), "f", "me", "")
	require.True(t, unknown(err), "%v", err)
	f.on("getFileInfo", says(""))
	require.True(t, unknown(s.Mkdir(t.Context(), "d", false, 0)))
	require.Equal(t, 1, count(f.made(), "mkdirs"))

	f.on("getFileInfo", twice(hangsUp, says("fs:{"+file(7, "")+"}")))
	_, err = s.Stat(t.Context(), "f")
	require.NoError(t, err, "a look is made again")
}

// TestNobodyThere: what cannot be reached is ErrUnavailable, and nothing is Unknown.
func TestNobodyThere(t *testing.T) {
	gone := newFake(t, nil)
	gone.close()
	s := gone.open()
	err := s.Delete(t.Context(), "f")
	require.ErrorIs(t, err, driver.ErrUnavailable)
	require.ErrorContains(t, err, "connection refused")
	require.ErrorContains(t, err, "3 attempts", "nothing can have happened: it may be asked again")
	require.False(t, unknown(err))
}

// TestHandshakeThatBreaks: no call has been made, so nothing is Unknown.
func TestHandshakeThatBreaks(t *testing.T) {
	broken := func(context.Context, string, string) (net.Conn, error) {
		c, other := net.Pipe()
		other.Close()
		return c, nil
	}
	s, err := hdfsufs.Open("nn", "/", &hdfsufs.Options{User: "me", Dial: broken, UFS: quick()})
	require.NoError(t, err)
	defer s.Close()
	err = s.Delete(t.Context(), "f")
	require.ErrorIs(t, err, io.ErrClosedPipe)
	require.False(t, unknown(err), "%v", err)
}

// TestSeveralNameNodes: one that is down or in standby is passed over, and from then on the active one is asked first.
func TestSeveralNameNodes(t *testing.T) {
	down, standby, active := newFake(t, nil), newFake(t, nil), newFake(t, nil)
	down.close()
	for _, method := range []string{"getFileInfo", "delete"} {
		standby.on(method, throws("org.apache.hadoop.ipc.StandbyException"))
	}
	s := active.open(down.addr(), standby.addr())
	require.NoError(t, s.Delete(t.Context(), "f"))
	_, err := s.Stat(t.Context(), "f")
	require.NoError(t, err)
	require.Equal(t, []string{"delete"}, standby.made())
	require.Equal(t, []string{"delete", "getFileInfo"}, active.made())

	active.on("getFileInfo", twice(hangsUp, says("fs:{"+file(7, "")+"}")))
	_, err = s.Stat(t.Context(), "f")
	require.NoError(t, err)
	require.Equal(t, 2, active.connections(), "a new one")
	require.Equal(t, 1, standby.connections(), "to the one that was active")

	for _, method := range []string{"getFileInfo", "delete"} {
		active.on(method, throws("org.apache.hadoop.ipc.StandbyException"))
		standby.on(method, says("fs:{"+file(7, "")+"}"))
	}
	_, err = s.Stat(t.Context(), "f")
	require.NoError(t, err, "the other one takes over")
}

// TestAllInStandby: then there is no store for now.
func TestAllInStandby(t *testing.T) {
	f := newFake(t, map[string]answer{"getFileInfo": throws("org.apache.hadoop.ipc.StandbyException")})
	_, err := f.open().Stat(t.Context(), "f")
	require.ErrorIs(t, err, driver.ErrUnavailable)
}

// TestSilentNameNode: a call ends with its context, whatever the NameNode does.
func TestSilentNameNode(t *testing.T) {
	silence := make(chan struct{})
	f := newFake(t, map[string]answer{"getFileInfo": func(protoreflect.Message) (string, error) { <-silence; return "", errHangUp }})
	t.Cleanup(func() { close(silence) })
	s := f.open()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := s.Stat(ctx, "f")
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

// TestDialThatHangs: so does one that is not even connected.
func TestDialThatHangs(t *testing.T) {
	hang := func(ctx context.Context, _, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }
	s, err := hdfsufs.Open("nn", "/", &hdfsufs.Options{User: "me", Dial: hang, UFS: &ufs.Options{Attempts: 1}})
	require.NoError(t, err)
	defer s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = s.Stat(ctx, "f")
	require.ErrorIs(t, err, context.DeadlineExceeded)
}
