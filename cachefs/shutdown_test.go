package cachefs_test

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/vfs"
)

// slowLock is a disk whose locks are given back only when the test lets them.
type slowLock struct {
	vfs.FS
	release chan struct{}
}

func (d *slowLock) Lock(name string) (io.Closer, error) {
	l, err := d.FS.Lock(name)
	return &slowUnlock{l, d.release}, err
}

type slowUnlock struct {
	io.Closer
	release chan struct{}
}

func (l *slowUnlock) Close() error {
	<-l.release
	return l.Closer.Close()
}

// What a Shutdown had no time for goes on behind it; a second one waits for that, within its own time, and then the
// directory is free.
func TestSecondShutdownWaits(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		disk := &slowLock{vfs.NewMem(), make(chan struct{})}
		cfg := cachefs.Config{Dir: "/node", FS: disk}
		n, err := cachefs.Open(t.Context(), cfg)
		require.NoError(t, err)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		first := n.Shutdown(ended)
		require.ErrorIs(t, first, context.Canceled)
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		require.ErrorIs(t, n.Shutdown(short), context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(began))
		second := make(chan error, 1)
		go func() { second <- n.Close() }()
		synctest.Wait()
		require.Empty(t, second, "the directory is not free yet")
		close(disk.release)
		require.ErrorIs(t, <-second, context.Canceled, "what the first said")
		n, err = cachefs.Open(t.Context(), cfg)
		require.NoError(t, err)
		require.NoError(t, n.Close())
	})
}

// Changes beside Shutdown end, whatever their contexts.
func TestShutdownBesideChanges(t *testing.T) {
	for range 30 {
		bubbletest.Test(t, func(t *testing.T) {
			n, err := cachefs.Open(t.Context(), cachefs.Config{})
			require.NoError(t, err)
			var all sync.WaitGroup
			for i := range 4 {
				all.Go(func() {
					path := fmt.Sprint("/f", i)
					for k := 0; ; k++ {
						w, err := n.Create(context.Background(), path, nil)
						if err == nil {
							err = w.Close()
						}
						if err == nil {
							err = n.Remove(context.Background(), path, nil)
						}
						if err != nil {
							require.ErrorIs(t, err, cachefs.ErrClosed)
							return
						}
						if k == 10 && i == 0 {
							all.Go(func() { n.Close() })
						}
					}
				})
			}
			all.Wait()
			require.NoError(t, n.Close())
		})
	}
}

// A store that answers nothing any more keeps a Close past its context only as long as an outcome in doubt is looked after.
func TestStalledStoreKeepsNoClose(t *testing.T) {
	for _, how := range []cachefs.WriteType{cachefs.CacheThrough, cachefs.Through} {
		for _, script := range []string{"* stall", "commit stall\nstat stall\nopen stall\nabort stall\ndelete stall"} {
			t.Run(fmt.Sprint(how, " ", script), func(t *testing.T) {
				bubbletest.Test(t, func(t *testing.T) {
					n, faulty, _ := brokenNode(t)
					ctx, cancel := context.WithTimeout(t.Context(), time.Second)
					defer cancel()
					w, err := n.Create(ctx, "/mem/f", &cachefs.CreateOptions{WriteType: how})
					require.NoError(t, err)
					require.NoError(t, faulty.Play(script))
					began := time.Now()
					w.Write(make([]byte, 100_000))
					require.ErrorIs(t, w.Close(), context.DeadlineExceeded)
					require.Less(t, time.Since(began), 10*time.Second)
					require.NoError(t, faulty.Play(""))
					time.Sleep(time.Minute)
					_, err = n.Stat(t.Context(), "/mem/f", nil)
					require.ErrorIs(t, err, cachefs.ErrNotExist)
				})
			})
		}
	}
}

// Abort and Shutdown end a Write that waits for its store.
func TestBlockedWriteEnds(t *testing.T) {
	for name, end := range map[string]func(n *cachefs.Node, w *cachefs.Writer) error{
		"abort":    func(_ *cachefs.Node, w *cachefs.Writer) error { return w.Abort() },
		"shutdown": func(n *cachefs.Node, _ *cachefs.Writer) error { return n.Shutdown(t.Context()) },
	} {
		t.Run(name, func(t *testing.T) {
			n, faulty, _ := brokenNode(t)
			w, err := n.Create(t.Context(), "/mem/f", &cachefs.CreateOptions{WriteType: cachefs.Through})
			require.NoError(t, err)
			require.NoError(t, faulty.Play("write stall"))
			written := make(chan error, 1)
			go func() { written <- second(w.Write(make([]byte, 100_000))) }()
			require.Eventually(t, func() bool { return slices.Contains(faulty.Log(), "write f") }, 10*time.Second, time.Millisecond)
			require.NoError(t, within(t, func() error { return end(n, w) }))
			require.ErrorIs(t, <-written, cachefs.ErrClosed)
		})
	}
}

// A Shutdown whose disk tier hangs ends with its context and names the directory; a later one waits until the disk answers, and then
// another Open finds everything free.
func TestShutdownOfADiskThatHangs(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		mem, leave := vfs.NewMem(), make(chan struct{})
		var hangs atomic.Bool
		p := newPlant(mem)
		n, err := p.open(vfs.NewFaulty(mem, func(op vfs.Op) error {
			if op.Kind == vfs.OpWrite && hangs.Load() && strings.HasPrefix(op.Name, "/node/ssd") {
				<-leave
			}
			return nil
		}))
		require.NoError(t, err)
		require.NoError(t, write("/m/f", "1", cachefs.CreateOptions{})(n))
		hangs.Store(true)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		began := time.Now()
		err = n.Shutdown(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "/node/ssd")
		require.LessOrEqual(t, time.Since(began), 6*time.Second)
		second := make(chan error, 1)
		go func() { second <- n.Close() }()
		synctest.Wait()
		require.Empty(t, second, "the directory is not free yet")
		close(leave)
		require.ErrorIs(t, <-second, context.DeadlineExceeded, "what the first said")
		n, err = p.open(mem)
		require.NoError(t, err)
		require.NoError(t, n.Close())
	})
}
