package hdfsufs_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/hdfsufs"
)

// TestNameNodeFallsSilent: one that says nothing any more from some call on holds nobody beyond his context, nor his place among Options.MaxCalls. When it speaks
// again the temporary file goes; if it was never asked for one, it is asked to remove none.
func TestNameNodeFallsSilent(t *testing.T) {
	create := func(ctx context.Context, s *ufs.Store, _ *ufs.Writer) error {
		_, err := s.Create(ctx, "f", ufs.CreateOptions{})
		return err
	}
	commit := func(ctx context.Context, _ *ufs.Store, w *ufs.Writer) error { _, err := w.Commit(ctx); return err }
	abort := func(ctx context.Context, _ *ufs.Store, w *ufs.Writer) error { return w.Abort(ctx) }
	for from, c := range map[string]struct {
		do      func(context.Context, *ufs.Store, *ufs.Writer) error
		begun   bool // the writer is there already
		removes int
	}{
		"getServerDefaults": {create, false, 0},
		"create":            {create, false, 1},
		"complete":          {commit, true, 1},
		"rename2":           {commit, true, 1},
		"delete":            {abort, true, 1},
	} {
		t.Run(from, func(t *testing.T) {
			t.Parallel()
			n := newMute(t)
			s := n.openOne(t)
			var w *ufs.Writer
			if c.begun {
				w = begin(t, s)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			n.from(from, cancel)
			require.Error(t, inTime(t, func() error { return c.do(ctx, s, w) }))
			n.speak()
			_, err := s.Stat(t.Context(), "nothing")
			require.ErrorIs(t, err, ufs.ErrNotExist, "there is a place for another call")
			require.Eventually(t, func() bool { return n.isEmpty() }, patience, time.Millisecond)
			require.Equal(t, c.removes, count(n.made(), "delete"))
		})
	}
}

// TestCloseEndsRemovals: a store does not wait for a NameNode that is silent.
func TestCloseEndsRemovals(t *testing.T) {
	n := newMute(t)
	s := n.openOne(t)
	w := begin(t, s)
	n.from("delete", func() {})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, inTime(t, func() error { return w.Abort(ctx) }), ufs.ErrUnavailable)
	require.NoError(t, inTime(t, s.Close))
}

// patience is less than a removal is given.
const patience = 20 * time.Second

// inTime does what must not wait for a NameNode.
func inTime(t *testing.T, do func() error) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- do() }()
	select {
	case err := <-done:
		return err
	case <-time.After(patience):
		require.Fail(t, "it waits for the NameNode")
		return nil
	}
}

func begin(t *testing.T, s *ufs.Store) *ufs.Writer {
	w, err := s.Create(t.Context(), "f", ufs.CreateOptions{})
	require.NoError(t, err)
	return w
}

// mute is a shelf that falls silent.
type mute struct {
	*shelf
	back  chan struct{} // closed: it speaks again
	speak func()
}

func newMute(t *testing.T) *mute {
	n := &mute{shelf: newShelf(t), back: make(chan struct{})}
	n.speak = sync.OnceFunc(func() { close(n.back) })
	t.Cleanup(n.speak)
	return n
}

// openOne opens a place that makes one call at a time.
func (n *mute) openOne(t *testing.T) *ufs.Store {
	s, err := hdfsufs.Open(n.addr(), "/place", &hdfsufs.Options{User: "me", UFS: &ufs.Options{Attempts: 1, MaxCalls: 1, DisableBreaker: true}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func (n *mute) isEmpty() bool {
	n.shelf.mu.Lock()
	defer n.shelf.mu.Unlock()
	return len(n.ids) == 0
}

// from lets it say nothing to a method, nor to whatever comes later; fell is called when it has begun with that. A file is made all the same; anything else
// that nobody heard of is not done when it speaks again, but for removals. Leases are kept then: who lost an answer of those would lose his
// connection while he asks something else.
func (n *mute) from(method string, fell func()) {
	n.fake.mu.Lock()
	defer n.fake.mu.Unlock()
	silent := false
	for m, a := range n.fake.mu.answers {
		n.fake.mu.answers[m] = func(req protoreflect.Message) (string, error) {
			n.fake.mu.Lock()
			silent = silent || m == method
			waits := silent
			n.fake.mu.Unlock()
			if !waits {
				return a(req)
			}
			if m == "create" {
				a(req)
			}
			if m == method {
				fell()
			}
			<-n.back
			if m == "delete" || m == "getFileInfo" || m == "renewLease" {
				return a(req)
			}
			return "", errHangUp
		}
	}
}
