package cachefstest_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/racetest"
)

// put makes a file of the store, past the nodes.
func put(t *testing.T, c *cachefstest.Cluster, name string, size int) []byte {
	t.Helper()
	p := make([]byte, size)
	rand.NewChaCha8([32]byte(fmt.Appendf(nil, "%-32s", name))).Read(p)
	c.Store.Put(name, p)
	return p
}

// looking is who reads all the time through nodes, and notes how long each kind of look lasts at most.
type looking struct {
	t         *testing.T
	near, far map[string][]byte // by path: what each node has, and what it must ask others for
	stop      chan struct{}
	readers   sync.WaitGroup
	mu        sync.Mutex
	longest   map[string]time.Duration
	looks     int
}

func (l *looking) begin(nodes map[int]*cachefs.Node) {
	l.stop, l.looks, l.longest = make(chan struct{}), 0, map[string]time.Duration{}
	for i, n := range nodes {
		l.loop(i, "stat", func() error { return l.stat(n) })
		l.loop(i, "list", func() error { return l.list(n) })
		l.loop(i, "read", func() error { return l.read(n, l.near, cachefs.CachePromote) })
		l.loop(i, "read from others", func() error { return l.read(n, l.far, cachefs.NoCache) })
	}
}

// end stops the readers.
func (l *looking) end() {
	close(l.stop)
	l.readers.Wait()
}

// loop looks again and again until end.
func (l *looking) loop(node int, kind string, once func() error) {
	l.readers.Go(func() {
		for {
			began := time.Now()
			if err := once(); err != nil {
				l.t.Errorf("node %d: %s: after %v: %v", node, kind, time.Since(began), err)
			}
			l.mu.Lock()
			l.longest[kind] = max(l.longest[kind], time.Since(began))
			l.looks++
			l.mu.Unlock()
			select {
			case <-l.stop:
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	})
}

// warm gives a node what is near.
func (l *looking) warm(n *cachefs.Node) {
	for path, want := range l.near {
		sees(l.t, n, path, string(want))
	}
	require.NoError(l.t, l.list(n))
}

func (l *looking) stat(n *cachefs.Node) error {
	for path, want := range l.near {
		in, err := n.Stat(l.t.Context(), path, nil)
		if err != nil {
			return err
		}
		if in.Size() != int64(len(want)) {
			return fmt.Errorf("%s: %d bytes", path, in.Size())
		}
	}
	return nil
}

func (l *looking) list(n *cachefs.Node) error {
	seen := 0
	for in, err := range n.List(l.t.Context(), cachefstest.MountPath, nil) {
		if err != nil {
			return err
		}
		if l.near[in.Path()] != nil {
			seen++
		}
	}
	if seen != len(l.near) {
		return fmt.Errorf("%d of %d files", seen, len(l.near))
	}
	return nil
}

// read reads the middle of one of the files.
func (l *looking) read(n *cachefs.Node, files map[string][]byte, how cachefs.ReadType) error {
	for path, want := range files { // in a random order
		f, err := n.Open(l.t.Context(), path, &cachefs.OpenOptions{ReadType: how})
		if err != nil {
			return err
		}
		got := make([]byte, len(want)/2)
		off := len(want) / 4
		if _, err = f.ReadAt(got, int64(off)); err == nil && !bytes.Equal(got, want[off:off+len(got)]) {
			err = fmt.Errorf("%s: other bytes", path)
		}
		return errors.Join(err, f.Close())
	}
	return nil
}

// TestReadsWhilePrimariesDie: one primary after the other is killed, or loses its power, under changes. All other nodes stat, list and read
// all the while, what they have and what others have, the dead one among them: no look fails, and none waits for the next primary.
func TestReadsWhilePrimariesDie(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		c := cachefstest.New(t, 5, func(c *cachefs.Config) { c.BlockSize = 64 << 10 })
		l := &looking{t: t, near: map[string][]byte{}, far: map[string][]byte{}}
		for i := range 10 {
			near, far, scratch := fmt.Sprint("near", i), fmt.Sprint("far/", i), fmt.Sprint("/scratch", i)
			l.near[cachefstest.MountPath+"/"+near] = put(t, c, near, 150_000)
			l.far[cachefstest.MountPath+"/"+far] = put(t, c, far, 150_000)
			l.far[scratch] = bytes.Repeat([]byte(scratch), 10_000)
			require.NoError(t, write(c.Nodes[i%5], scratch, string(l.far[scratch]))) // on two nodes
		}
		for _, n := range c.Nodes {
			l.warm(n)
			for path := range l.far {
				_, err := n.Stat(t.Context(), path, nil)
				require.NoError(t, err)
			}
		}
		j, err := c.Node().Load(t.Context(), cachefstest.MountPath+"/far", nil) // on its owners
		require.NoError(t, err)
		require.NoError(t, j.Wait(t.Context()))
		time.Sleep(10 * time.Second) // all have votes
		ends := []func(int){c.Kill, c.Crash, c.Kill, c.Crash}
		if racetest.On { // it is slow there
			ends = ends[:2]
		}
		for k, end := range ends {
			p := c.Primary()
			others := map[int]*cachefs.Node{}
			for i, n := range c.Nodes {
				if i != p {
					others[i] = n
				}
			}
			l.begin(others)
			changer := others[(p+1)%5]
			for i := range 10 {
				require.NoError(t, change(t, changer, fmt.Sprint("/change", k, "-", i), 10*time.Second))
			}
			end(p)
			began := time.Now()
			require.NoError(t, change(t, changer, fmt.Sprint("/after", k), 10*time.Second))
			without := time.Since(began)
			time.Sleep(5 * time.Second) // it is taken for dead, and the ring is another
			l.end()
			t.Logf("%v without a primary, %d looks by 4 nodes: the longest %v", without, l.looks, l.longest)
			require.Greater(t, l.looks, 4*4*80)
			for _, kind := range []string{"stat", "list", "read"} {
				require.Less(t, l.longest[kind], time.Millisecond, kind)
			}
			require.Less(t, l.longest["read from others"], 2*time.Second)
			c.Start(p)
			l.warm(c.Nodes[p]) // its memory is gone
			time.Sleep(10 * time.Second)
		}
	})
}
