package fileufs_test

import (
	"context"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/ufs"
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
