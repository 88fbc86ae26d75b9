package cachefs_test

import (
	"context"
	"io/fs"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/ufs/memufs"
)

// slowJournal is a node whose journal's disk can stand still.
type slowJournal struct {
	*cachefs.Node
	gate atomic.Pointer[chan struct{}]
}

func newSlowJournal(t *testing.T) *slowJournal {
	s := &slowJournal{}
	cfg := cachefs.Config{Dir: "/node", Mounts: []cachefs.MountConfig{{Path: "/m", Store: memufs.New(nil).UFS()}}, FS: vfs.NewMem()}
	cfg.Journal.FS = vfs.NewFaulty(vfs.NewMem(), func(op vfs.Op) error {
		if g := s.gate.Load(); g != nil && op.Kind == vfs.OpSync {
			<-*g
		}
		return nil
	})
	var err error
	s.Node, err = cachefs.Open(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

// leave makes a call and ends its context while its entry is on the way to the disk.
func (s *slowJournal) leave(cancel func(), call func() error) error {
	ended := make(chan error, 1)
	gate := make(chan struct{})
	s.gate.Store(&gate)
	go func() { ended <- call() }()
	synctest.Wait()
	cancel()
	synctest.Wait()
	s.gate.Store(nil)
	close(gate)
	return <-ended
}

// Who leaves a change before it has begun holds up nobody who makes it later.
func TestLeftBeforeItBegan(t *testing.T) {
	for name, call := range map[string]func(ctx context.Context, n *cachefs.Node) error{
		"remove": func(ctx context.Context, n *cachefs.Node) error { return n.Remove(ctx, "/m/d/f", nil) },
		"rename": func(ctx context.Context, n *cachefs.Node) error { return n.Rename(ctx, "/m/d/f", "/m/d/g", nil) },
		"mkdir":  func(ctx context.Context, n *cachefs.Node) error { return n.Mkdir(ctx, "/m/d/e", nil) },
		"setattr": func(ctx context.Context, n *cachefs.Node) error {
			return n.SetAttr(ctx, "/m/d/f", &cachefs.AttrOptions{Mode: new(fs.FileMode(0o600))})
		},
		"create": func(ctx context.Context, n *cachefs.Node) error {
			return writeFile(ctx, n, "/m/d/g", planned("2"), cachefs.CreateOptions{})
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubbletest.Test(t, func(t *testing.T) {
				s := newSlowJournal(t)
				n := s.Node
				require.NoError(t, n.Mkdir(t.Context(), "/m/d", nil))
				require.NoError(t, write("/m/d/f", "1", cachefs.CreateOptions{})(n))
				ctx, cancel := context.WithCancel(t.Context())
				err := s.leave(cancel, func() error { return call(ctx, n) })
				require.ErrorIs(t, err, context.Canceled)
				require.ErrorIs(t, err, cachefs.ErrUnknownOutcome)
				synctest.Wait()
				ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				require.NoError(t, call(ctx, n))
			})
		})
	}
}

// Who leaves the Close of a file that replaces another is told by its error which of them is there, whole.
func TestLeftWhileItCloses(t *testing.T) {
	for _, how := range []cachefs.WriteType{cachefs.MustCache, cachefs.AsyncThrough, cachefs.CacheThrough} {
		bubbletest.Test(t, func(t *testing.T) {
			s := newSlowJournal(t)
			require.NoError(t, write("/m/f", "1", cachefs.CreateOptions{WriteType: how})(s.Node))
			ctx, cancel := context.WithCancel(t.Context())
			w, err := s.Create(ctx, "/m/f", &cachefs.CreateOptions{WriteType: how, Overwrite: true})
			require.NoError(t, err)
			_, err = w.Write(planned("2"))
			require.NoError(t, err)
			want := "1"
			if err := s.leave(cancel, w.Close); err == nil {
				want = "2"
			}
			require.NoError(t, same(readAll(t, s.Node, "/m/f"), planned(want), 0), "%v, %v", how, err)
		})
	}
}
