package fileufs_test

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/fileufs"
	"github.com/millpond/millpond/ufs/memufs"
)

// content is what a node has at a path, or an error within 20 s.
func content(t *testing.T, n *cachefs.Node, path string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	f, err := n.Open(ctx, path, nil)
	require.NoError(t, err)
	defer f.Close()
	b, err := io.ReadAll(f)
	require.NoError(t, err)
	return string(b)
}

// TestMountThatIsSilent is one whose server takes requests and does not answer: who asks the system for a file of it waits and cannot be
// woken. A node's cached files and other mounts do not notice, and its calls end with their contexts. The system's calls, and so
// Close, end when the server answers, or when its connection is broken.
func TestMountThatIsSilent(t *testing.T) {
	r := mountRemote(t, t.TempDir())
	s, err := fileufs.Open(r.dir, &fileufs.Options{UFS: &ufs.Options{Attempts: 1}})
	require.NoError(t, err)
	fast := memufs.New(nil)
	fast.Put("f", []byte("fast"))
	n, err := cachefs.Open(t.Context(), cachefs.Config{Mounts: []cachefs.MountConfig{{Path: "/remote", Store: s}, {Path: "/fast", Store: fast.UFS()}}})
	require.NoError(t, err)
	require.Equal(t, "content", content(t, n, "/remote/f"))

	r.silent.Lock()
	speak := sync.OnceFunc(r.silent.Unlock)
	defer speak()
	defer time.AfterFunc(time.Minute, speak).Stop() // a process with a call that waits does not end, whoever kills it
	for what, call := range map[string]func(ctx context.Context) error{
		"Stat":   func(ctx context.Context) error { _, err := n.Stat(ctx, "/remote/g", nil); return err },
		"Open":   func(ctx context.Context) error { _, err := n.Open(ctx, "/remote/h", nil); return err },
		"Mkdir":  func(ctx context.Context) error { return n.Mkdir(ctx, "/remote/d", nil) },
		"Create": func(ctx context.Context) error { _, err := n.Create(ctx, "/remote/c/f", nil); return err },
	} {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(100*time.Millisecond, cancel) // when the system has been asked
		require.ErrorIs(t, call(ctx), context.Canceled, what)
		require.Equal(t, "content", content(t, n, "/remote/f"), "cached")
		require.Equal(t, "fast", content(t, n, "/fast/f"), "another mount")
	}
	closed := make(chan error, 1)
	go func() { closed <- n.Close() }()
	r.dev.Close()
	speak()
	require.NoError(t, <-closed)
	require.NoError(t, s.Close())
}

// TestStoreThatIsSilent: the Store's own calls end with their contexts and attempts, the breaker opens, and closes by itself when the
// server answers again; what was begun before goes on then.
func TestStoreThatIsSilent(t *testing.T) {
	r := mountRemote(t, t.TempDir())
	s, err := fileufs.Open(r.dir, &fileufs.Options{UFS: &ufs.Options{
		Attempts: 1, AttemptTimeout: 100 * time.Millisecond, BreakerFailures: 3, BreakerDelay: 50 * time.Millisecond, BreakerMaxDelay: 50 * time.Millisecond,
	}})
	require.NoError(t, err)
	patient, err := fileufs.Open(r.dir, &fileufs.Options{UFS: &ufs.Options{Attempts: 1}}) // its calls end with nothing but their contexts
	require.NoError(t, err)
	a, err := patient.Stat(t.Context(), "f")
	require.NoError(t, err)
	var body io.ReadCloser
	require.Eventually(t, func() bool { // an attempt may be too short on a slow machine
		body, _, err = s.Open(t.Context(), "f", 0, -1, a.Version)
		return err == nil
	}, 10*time.Second, 10*time.Millisecond)

	r.silent.Lock()
	speak := sync.OnceFunc(r.silent.Unlock)
	defer speak()
	defer time.AfterFunc(time.Minute, speak).Stop()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	_, err = patient.Stat(ctx, "g")
	require.ErrorIs(t, err, context.Canceled)
	_, err = body.Read(make([]byte, 7))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.NoError(t, body.Close())
	for _, call := range []func() error{
		func() error { _, err := s.Stat(t.Context(), "h"); return err },
		func() error { _, _, err := s.Open(t.Context(), "f", 0, -1, a.Version); return err },
		func() error { _, err := s.Create(t.Context(), "new", ufs.CreateOptions{}); return err },
	} {
		require.Error(t, call())
	}
	require.Eventually(t, func() bool {
		_, err := s.Stat(t.Context(), "i")
		return errors.Is(err, driver.ErrUnavailable)
	}, 10*time.Second, time.Millisecond, "the breaker stays closed")

	speak()
	got := make([]byte, 7)
	require.Eventually(t, func() bool {
		_, err := s.ReadAt(t.Context(), "f", "", got, 0)
		return err == nil
	}, 10*time.Second, 10*time.Millisecond)
	require.Equal(t, "content", string(got))
	require.NoError(t, s.Close())
	require.NoError(t, patient.Close())
}

// TestCloseOfAStoreThatIsSilent does not wait for the system.
func TestCloseOfAStoreThatIsSilent(t *testing.T) {
	r := mountRemote(t, t.TempDir())
	s, err := fileufs.Open(r.dir, &fileufs.Options{UFS: &ufs.Options{Attempts: 1}})
	require.NoError(t, err)
	r.silent.Lock()
	speak := sync.OnceFunc(r.silent.Unlock)
	defer speak()
	defer time.AfterFunc(time.Minute, speak).Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = s.Stat(ctx, "g")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, s.Close(), "has not answered 1 calls")
}
