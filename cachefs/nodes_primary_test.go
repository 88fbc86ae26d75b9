package cachefs_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
)

// overPrimary is a change that the primary dies in: before has been done when it begins, check looks at each node that is
// left.
type overPrimary struct {
	name   string
	before func(s *several, n *cachefs.Node) // nil: nothing
	do     func(ctx context.Context, n *cachefs.Node) error
	files  map[string]string // below /m afterwards, complete: path to what planned makes the bytes of
}

func overPrimaries() []overPrimary {
	var w *cachefs.Writer
	begin := func(how cachefs.WriteType) func(s *several, n *cachefs.Node) {
		return func(s *several, n *cachefs.Node) {
			var err error
			w, err = n.Create(s.Context(), "/m/d/new", &cachefs.CreateOptions{WriteType: how})
			require.NoError(s, err)
			_, err = w.Write(planned("3"))
			require.NoError(s, err)
		}
	}
	end := func(context.Context, *cachefs.Node) error { return w.Close() }
	both := map[string]string{"d/f": "1", "d/g": "2"}
	three := map[string]string{"d/f": "1", "d/g": "2", "d/new": "3"}
	return []overPrimary{
		{name: "Create", files: both, do: func(ctx context.Context, n *cachefs.Node) error {
			w, err := n.Create(ctx, "/m/d/new", nil)
			if err != nil {
				return err
			}
			return w.Abort()
		}},
		{name: "Close of CacheThrough", files: three, before: begin(cachefs.CacheThrough), do: end},
		{name: "Close of AsyncThrough", files: three, before: begin(cachefs.AsyncThrough), do: end},
		{name: "Remove", files: map[string]string{"d/g": "2"}, do: func(ctx context.Context, n *cachefs.Node) error {
			return n.Remove(ctx, "/m/d/f", nil)
		}},
		{name: "Remove directory", files: map[string]string{}, do: func(ctx context.Context, n *cachefs.Node) error {
			return n.Remove(ctx, "/m/d", &cachefs.RemoveOptions{Recursive: true})
		}},
		{name: "Rename", files: map[string]string{"d/h": "1", "d/g": "2"}, do: func(ctx context.Context, n *cachefs.Node) error {
			return n.Rename(ctx, "/m/d/f", "/m/d/h", nil)
		}},
		{name: "Rename directory", files: map[string]string{"e/f": "1", "e/g": "2"}, do: func(ctx context.Context, n *cachefs.Node) error {
			return n.Rename(ctx, "/m/d", "/m/e", nil)
		}},
		{name: "Overwrite", files: map[string]string{"d/f": "3", "d/g": "2"}, do: func(ctx context.Context, n *cachefs.Node) error {
			return writeFile(ctx, n, "/m/d/f", planned("3"), cachefs.CreateOptions{Overwrite: true})
		}},
	}
}

// TestPrimaryDiesInAChange: the primary dies as soon as it has made a step of a change, before or while it answers: the
// first step, the second, and so on. The caller, on another node, sees one effect and no error.
func TestPrimaryDiesInAChange(t *testing.T) {
	for _, c := range overPrimaries() {
		t.Run(c.name, func(t *testing.T) {
			for step, died := 1, true; died; step++ {
				t.Run(fmt.Sprint("step ", step), func(t *testing.T) {
					overSeveral(t, 3, nil, func(s *several) { died = c.run(s, step) })
				})
				require.Less(t, step, 30)
			}
		})
	}
}

// run reports whether the primary died before the change was answered.
func (c *overPrimary) run(s *several, step int) bool {
	primary := s.rig.Primary()
	caller := s.nodes[s.others(primary.ID())[0]]
	require.NoError(s, caller.Mkdir(s.Context(), "/m/d", nil))
	for path, seeds := range map[string]string{"/m/d/f": "1", "/m/d/g": "2"} {
		require.NoError(s, writeFile(s.Context(), caller, path, planned(seeds), cachefs.CreateOptions{}))
	}
	if c.before != nil {
		c.before(s, caller)
	}
	s.settle()
	ctx, answered := context.WithCancel(s.Context())
	gone := make(chan struct{})
	var died atomic.Bool
	next := cachefs.Applied(primary)
	go func() {
		defer close(gone)
		for range step {
			select {
			case <-next:
			case <-ctx.Done():
				return
			}
			next = cachefs.Applied(primary)
		}
		died.Store(true)
		s.crash(primary.ID())
	}()
	err := c.do(s.Context(), caller)
	inTime := died.Load()
	answered()
	<-gone
	require.NoError(s, err)
	time.Sleep(30 * time.Second)
	s.everywhere(func(n *cachefs.Node) {
		got := map[string]string{}
		for i, err := range n.List(s.Context(), "/m", &cachefs.ListOptions{Recursive: true}) {
			require.NoError(s, err)
			if !i.IsDir() {
				require.True(s, i.Complete(), i.Path())
				got[i.Path()[len("/m/"):]] = string(readAll(s.T, n, i.Path()))
			}
		}
		want := map[string]string{}
		for path, seeds := range c.files {
			want[path] = string(planned(seeds))
		}
		require.Equal(s, want, got, n.ID())
		require.Zero(s, n.Metrics().Intents)
	})
	stored := storeContent(s.T, s.ufs)
	for path, seeds := range c.files {
		require.Equal(s, string(planned(seeds)), stored[path], path)
	}
	return inTime
}
