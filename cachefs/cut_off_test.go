package cachefs_test

import (
	"context"
	"fmt"
	"io/fs"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/bubbletest"
)

// afterwards is how long a call may last after its context has ended: what it owes others is tried that long, twice at most.
const afterwards = 5 * time.Second

// rest is how long the nodes have, when the network has healed, to settle what was in doubt: many times what they need.
const rest = 20 * time.Second

// outage is how long a node is cut off, and how long its caller waits.
type outage struct{ lasts, patience time.Duration }

var outages = []outage{
	{time.Minute, 10 * time.Second}, // it is taken for dead
	{4 * time.Second, time.Second},  // and not, and ends itself what it began
	{time.Minute, 2 * time.Minute},  // the caller sees that it was
}

// cutOffIn lets a node that does not lead make a change, and cuts it off while the store is asked for call, which it refuses some times.
// It returns what the caller was told, when the network has healed and all have come to rest.
func cutOffIn(t *testing.T, c *cachefstest.Cluster, o outage, call string, refusals int64, change func(ctx context.Context, n *cachefs.Node) error) error {
	at := (c.Primary() + 1) % 3
	var once sync.Once
	var calls atomic.Int64
	defer c.Store.OnCall(nil)
	c.Store.OnCall(func(op, _ string) error {
		if op != call {
			return nil
		}
		once.Do(func() { cutOff(c, at, o.lasts) })
		if calls.Add(1) <= refusals {
			return cachefs.ErrPermission
		}
		return nil
	})
	ctx, cancel := context.WithTimeout(t.Context(), o.patience)
	defer cancel()
	began := time.Now()
	err := change(ctx, c.Nodes[at])
	require.LessOrEqual(t, time.Since(began), o.patience+afterwards)
	time.Sleep(max(0, time.Until(began.Add(o.lasts))) + rest)
	synctest.Wait()
	return err
}

// cutOff keeps a node from the two others for a while.
func cutOff(c *cachefstest.Cluster, at int, lasts time.Duration) {
	c.Partition([]int{at}, []int{(at + 1) % 3, (at + 2) % 3})
	time.AfterFunc(lasts, c.Heal)
}

// TestCutOffInAChange: who is cut off from the primary while the store makes his change is told in time that its outcome is
// not known; when the network heals, all nodes have what the store has.
func TestCutOffInAChange(t *testing.T) {
	for call, change := range map[string]struct {
		do   func(ctx context.Context, n *cachefs.Node) error
		want string
	}{
		"mkdir":  {func(ctx context.Context, n *cachefs.Node) error { return n.Mkdir(ctx, "/mem/d/e", nil) }, "d d/e/ d/f"},
		"rename": {func(ctx context.Context, n *cachefs.Node) error { return n.Rename(ctx, "/mem/d/f", "/mem/d/g", nil) }, "d d/g"},
		"delete": {func(ctx context.Context, n *cachefs.Node) error { return n.Remove(ctx, "/mem/d/f", nil) }, "d"},
		"setmode": {func(ctx context.Context, n *cachefs.Node) error {
			return n.SetAttr(ctx, "/mem/d/f", &cachefs.AttrOptions{Mode: new(fs.FileMode(0o600))})
		}, "d d/f"},
		"commit": {func(ctx context.Context, n *cachefs.Node) error {
			return writeFile(ctx, n, "/mem/d/h", planned("2"), cachefs.CreateOptions{})
		}, "d d/f d/h"},
	} {
		for _, o := range outages {
			t.Run(fmt.Sprint(call, " ", o.lasts, " ", o.patience), func(t *testing.T) {
				bubbletest.Test(t, func(t *testing.T) {
					c := cachefstest.New(t, 3)
					require.NoError(t, c.Nodes[0].Mkdir(t.Context(), "/mem/d", nil))
					require.NoError(t, write("/mem/d/f", "1", cachefs.CreateOptions{})(c.Nodes[0]))
					time.Sleep(5 * time.Second)
					err := cutOffIn(t, c, o, call, 0, change.do)
					require.ErrorIs(t, err, cachefs.ErrUnknownOutcome)
					for _, n := range c.Nodes {
						require.Equal(t, change.want, shown(t, n), n.ID())
						require.Zero(t, n.Metrics().Intents)
					}
				})
			})
		}
	}
}

// TestCutOffInARefusal: a store refuses a removal while its node is cut off from the primary. Who settles it asks the store once more,
// so that the caller is not told of a refusal; if that is refused too the file stays, and nothing waits for it.
func TestCutOffInARefusal(t *testing.T) {
	for refusals, want := range map[int64]string{1: "d", math.MaxInt64: "d d/f"} {
		for _, o := range outages {
			t.Run(fmt.Sprint(want, " ", o.lasts, " ", o.patience), func(t *testing.T) {
				bubbletest.Test(t, func(t *testing.T) {
					c := cachefstest.New(t, 3)
					require.NoError(t, c.Nodes[0].Mkdir(t.Context(), "/mem/d", nil))
					require.NoError(t, write("/mem/d/f", "1", cachefs.CreateOptions{})(c.Nodes[0]))
					time.Sleep(5 * time.Second)
					err := cutOffIn(t, c, o, "delete", refusals, func(ctx context.Context, n *cachefs.Node) error {
						return n.Remove(ctx, "/mem/d/f", nil)
					})
					require.ErrorIs(t, err, cachefs.ErrUnknownOutcome)
					for _, n := range c.Nodes {
						require.Equal(t, want, shown(t, n), n.ID())
						require.Zero(t, n.Metrics().Intents)
					}
				})
			})
		}
	}
}

// shown is what a node shows below /mem; what is incomplete ends in "?".
func shown(t *testing.T, n *cachefs.Node) string {
	var names []string
	for i, err := range n.List(t.Context(), "/mem", &cachefs.ListOptions{Recursive: true}) {
		require.NoError(t, err)
		name := strings.TrimPrefix(i.Path(), "/mem/")
		switch {
		case i.IsDir() && name != "d":
			name += "/"
		case !i.IsDir() && !i.Complete():
			name += "?"
		}
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

// TestCutOffFromItsWriter: a writer that gives up, or whose context ends, while its node is cut off is let go in time. What it
// wrote is taken away later, everywhere.
func TestCutOffFromItsWriter(t *testing.T) {
	for name, end := range map[string]func(cancel func(), w *cachefs.Writer) error{
		"Abort": func(_ func(), w *cachefs.Writer) error { return w.Abort() },
		"Close": func(cancel func(), w *cachefs.Writer) error {
			time.AfterFunc(time.Second, cancel)
			err := w.Close()
			if err == nil {
				return nil
			}
			return w.Abort() // there is nothing left to abort
		},
		"Write": func(cancel func(), w *cachefs.Writer) error {
			cancel()
			_, err := w.Write(planned("3"))
			if err == nil {
				return nil
			}
			return w.Abort()
		},
	} {
		for _, lasts := range []time.Duration{6 * time.Second, time.Minute} { // it is taken for dead, or not
			t.Run(fmt.Sprint(name, " ", lasts), func(t *testing.T) {
				bubbletest.Test(t, func(t *testing.T) {
					c := cachefstest.New(t, 3)
					time.Sleep(5 * time.Second)
					at := (c.Primary() + 1) % 3
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					w, err := c.Nodes[at].Create(ctx, "/f", nil)
					require.NoError(t, err)
					_, err = w.Write(planned("2"))
					require.NoError(t, err)
					cutOff(c, at, lasts)
					began := time.Now()
					require.NoError(t, end(cancel, w))
					require.LessOrEqual(t, time.Since(began), afterwards)
					time.Sleep(max(0, time.Until(began.Add(lasts))) + rest)
					synctest.Wait()
					for _, n := range c.Nodes {
						_, err := n.Stat(t.Context(), "/f", nil)
						require.ErrorIs(t, err, cachefs.ErrNotExist, n.ID())
						require.Empty(t, cachefs.Blocks(n), n.ID())
					}
				})
			})
		}
	}
}

// TestCutOffCloses: a node that is cut off waits for a primary once, whatever it has to tell one when it closes; not at all if it has known
// none for long. The rest is its good-bye.
func TestCutOffCloses(t *testing.T) {
	for cutFor, most := range map[time.Duration]time.Duration{0: 7 * time.Second, 5 * time.Second: 3 * time.Second} {
		for leads := range 2 {
			bubbletest.Test(t, func(t *testing.T) {
				c := cachefstest.New(t, 3)
				time.Sleep(10 * time.Second)
				putStore(t, c, "f", []byte("found"))
				at := (c.Primary() + 1 - leads) % 3
				c.Partition([]int{at}, []int{(at + 1) % 3, (at + 2) % 3})
				n := c.Nodes[at]
				c.Nodes[at] = nil
				_, err := n.Stat(t.Context(), "/mem/f", nil) // the journal is to be told of it
				require.NoError(t, err)
				time.Sleep(cutFor)
				began := time.Now()
				require.NoError(t, n.Close())
				require.LessOrEqual(t, time.Since(began), most, "cut off for %v", cutFor)
				c.Heal()
			})
		}
	}
}
