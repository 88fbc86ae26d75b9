package cachefstest_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/ufs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// read is what node i reads.
func read(t *testing.T, n *cachefs.Node, path string) (string, error) {
	f, err := n.Open(t.Context(), path, nil)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	return string(b), err
}

// sees waits until a node reads what was written elsewhere.
func sees(t *testing.T, n *cachefs.Node, path, want string) {
	t.Helper()
	var got string
	var err error
	for range 100 {
		if got, err = read(t, n, path); err == nil && got == want {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	require.NoError(t, err)
	require.Equal(t, want, got)
}

// change is a Mkdir within a time.
func change(t *testing.T, n *cachefs.Node, path string, within time.Duration) error {
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	return n.Mkdir(ctx, path, nil)
}

// TestKillAndCrash: the primary is killed, then the next one's machine loses its power. The others go on, and both come back with all
// that was acknowledged.
func TestKillAndCrash(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		c := cachefstest.New(t, 3)
		require.NoError(t, write(c.Node(), cachefstest.MountPath+"/f", "in the store"))
		for k, end := range []func(int){c.Kill, c.Crash} {
			time.Sleep(5 * time.Second) // all have votes
			p := c.Primary()
			require.NoError(t, change(t, c.Nodes[p], fmt.Sprint("/before", k), 10*time.Second))
			end(p)
			require.Nil(t, c.Nodes[p])
			n := c.Node()
			require.NoError(t, change(t, n, fmt.Sprint("/after", k), 10*time.Second))
			got, err := read(t, n, cachefstest.MountPath+"/f")
			require.NoError(t, err)
			require.Equal(t, "in the store", got)
			c.Start(p)
			for _, path := range []string{"before", "after"} {
				_, err := c.Nodes[p].Stat(t.Context(), fmt.Sprint("/", path, k), &cachefs.StatOptions{Consistent: true})
				require.NoError(t, err, path)
			}
		}
	})
}

// TestPartition: a minority reads and does not change; when the network heals all see what the majority did.
func TestPartition(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		c := cachefstest.New(t, 3)
		time.Sleep(5 * time.Second)
		require.NoError(t, write(c.Nodes[0], "/scratch", "two copies"))
		for i := range c.Nodes {
			sees(t, c.Nodes[i], "/scratch", "two copies")
		}
		p := c.Primary()
		others := []int{(p + 1) % 3, (p + 2) % 3}
		c.Partition([]int{p}, others)
		require.ErrorIs(t, change(t, c.Nodes[p], "/minority", 10*time.Second), context.DeadlineExceeded)
		require.NoError(t, change(t, c.Nodes[others[0]], "/majority", 10*time.Second))
		got, err := read(t, c.Nodes[p], "/scratch")
		require.NoError(t, err)
		require.Equal(t, "two copies", got)
		c.Heal()
		for range 100 {
			if _, err = c.Nodes[p].Stat(t.Context(), "/majority", nil); err == nil {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
		require.NoError(t, err)
	})
}

// TestLateChange: a change that a node asked for while it was cut off, and that is made when the network heals, was not
// answered as if nobody had it.
func TestLateChange(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		c := cachefstest.New(t, 3)
		late := 0
		for k := range 6 {
			time.Sleep(10 * time.Second)
			cut := (c.Primary() + 1) % 3
			c.Partition([]int{cut}, []int{(cut + 1) % 3, (cut + 2) % 3})
			path := fmt.Sprint("/late", k)
			err := change(t, c.Nodes[cut], path, 20*time.Second)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			c.Heal()
			time.Sleep(10 * time.Second)
			_, missing := c.Nodes[cut].Stat(t.Context(), path, &cachefs.StatOptions{Consistent: true})
			if missing == nil {
				late++
				require.NotErrorIs(t, err, cachefs.ErrNoPrimary)
			}
		}
		require.Positive(t, late, "no change was made late")
	})
}

// TestSlowLink: bytes take as long as the link says.
func TestSlowLink(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		c := cachefstest.New(t, 2)
		c.SetLink(0, 1, cachefstest.Link{Latency: 50 * time.Millisecond})
		began := time.Now()
		_, err := c.Nodes[1].Stat(t.Context(), "/", &cachefs.StatOptions{Consistent: true})
		require.NoError(t, err)
		_, err = c.Nodes[0].Stat(t.Context(), "/", &cachefs.StatOptions{Consistent: true})
		require.NoError(t, err)
		require.GreaterOrEqual(t, time.Since(began), 100*time.Millisecond, "one of the two asks the other")
	})
}

// TestSkew: a node whose clock is ahead takes part, unless it is too far ahead.
func TestSkew(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		c := cachefstest.New(t, 2)
		c.Stop(1)
		c.Skew(1, time.Minute)
		c.Start(1)
		require.NoError(t, write(c.Nodes[1], "/f", "from the future"))
		sees(t, c.Nodes[0], "/f", "from the future")
	})
}

// TestReadsWhileANodeDies: all nodes read half of the files, one is killed, and the others read the rest at once. Nobody fails, nobody
// waits long, and what came from the store is the bytes of the files.
func TestReadsWhileANodeDies(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		c := cachefstest.New(t, 4)
		const files, size = 60, 20_000
		for i := range files {
			w, err := c.Store.UFS().Create(t.Context(), fmt.Sprint("f", i), ufs.CreateOptions{})
			require.NoError(t, err)
			_, err = w.Write(bytes.Repeat([]byte{byte(i)}, size))
			require.NoError(t, err)
			_, err = w.Commit(t.Context())
			require.NoError(t, err)
		}
		half := func(from int) {
			var reading sync.WaitGroup
			for _, n := range c.Nodes {
				if n == nil {
					continue
				}
				reading.Go(func() {
					for i := from; i < files; i += 2 {
						got, err := read(t, n, fmt.Sprint(cachefstest.MountPath, "/f", i))
						if err != nil || got != strings.Repeat(string([]byte{byte(i)}), size) {
							t.Errorf("file %d: %d bytes, %v", i, len(got), err)
						}
					}
				})
			}
			reading.Wait()
		}
		half(0)
		sent := c.Nodes[2].Metrics().StoreBytes
		c.Kill(2)
		began := time.Now()
		half(1)
		require.Less(t, time.Since(began), 5*time.Second)
		for _, n := range c.Nodes {
			if n != nil {
				sent += n.Metrics().StoreBytes
			}
		}
		require.EqualValues(t, files*size, sent)
	})
}
