package cachefstest_test

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/racetest"
	"github.com/millpond/millpond/ufs/memufs"
)

// cold is nodes that read one data set of a store that takes its time, each from its begin to its end, and counts what it sends.
type cold struct {
	*cachefstest.Cluster
	t       *testing.T
	store   *memufs.Store // without hedges: a second request is a second read
	names   []string
	files   map[string][]byte
	total   int64
	readers sync.WaitGroup
	alive   func(i int) bool // whether a node may fail to read
}

const coldBlock = 64 << 10

// coldFiles is how many files of 16 blocks a node's memory has room for.
func coldFiles() int {
	if racetest.On {
		return 20
	}
	return 40
}

func openCold(t *testing.T, nodes int) *cold {
	store := memufs.New(&memufs.Options{Latency: 30 * time.Millisecond})
	store.OnCall(func(op, _ string) error {
		if op == "read" { // bytes are on their way when a node dies
			time.Sleep(5 * time.Millisecond)
		}
		return nil
	})
	c := &cold{t: t, store: store, files: map[string][]byte{}, alive: func(int) bool { return true }}
	c.Cluster = cachefstest.New(t, nodes, func(c *cachefs.Config) {
		c.BlockSize, c.Mounts = coldBlock, []cachefs.MountConfig{{Path: cachefstest.MountPath, Store: store.UFS()}}
	})
	c.Store = store
	for i := range coldFiles() {
		name := fmt.Sprint("d/", i)
		c.files[name] = put(t, c.Cluster, name, 16*coldBlock+1000*i)
		c.names, c.total = append(c.names, name), c.total+int64(len(c.files[name]))
	}
	return c
}

// read has a node read all.
func (c *cold) read(i int) {
	n := c.Nodes[i]
	c.readers.Go(func() {
		for _, name := range c.names {
			got, err := read(c.t, n, cachefstest.MountPath+"/"+name)
			if err == nil && !bytes.Equal(c.files[name], []byte(got)) {
				err = errors.New("other bytes")
			}
			if !c.alive(i) {
				return
			}
			if err != nil {
				c.t.Errorf("node %d: %s: %v", i, name, err)
			}
		}
	})
}

// midst waits until the store has sent a third.
func (c *cold) midst() {
	c.t.Helper()
	for began := time.Now(); c.store.Sent() < c.total/3; time.Sleep(time.Millisecond) {
		require.Less(c.t, time.Since(began), time.Minute)
	}
}

// TestStoreSendsEachByteOnce: four nodes read one data set cold, and the store, which counts itself, sends it once, also while a node
// comes in the midst of it. While one dies, what was on its way to it is sent again, and what it alone had: 5 % at most.
func TestStoreSendsEachByteOnce(t *testing.T) {
	t.Run("a node comes", func(t *testing.T) {
		bubbletest.Test(t, func(t *testing.T) {
			c := openCold(t, 4)
			c.Stop(3)
			time.Sleep(5 * time.Second)
			for i := range 3 {
				c.read(i)
			}
			c.midst()
			c.Start(3)
			require.Less(t, c.store.Sent(), c.total, "it comes while they read")
			c.read(3)
			c.readers.Wait()
			require.Equal(t, c.total, c.store.Sent())
			require.NotZero(t, c.Nodes[3].Metrics().StoreBytes, "it took its share")
		})
	})
	t.Run("a node dies", func(t *testing.T) {
		if racetest.On {
			t.Skip("what is on its way to a node is more than 5 % of so few bytes: runs without the race detector")
		}
		bubbletest.Test(t, func(t *testing.T) {
			c := openCold(t, 4)
			var dead sync.Map
			c.alive = func(i int) bool { _, is := dead.Load(i); return !is }
			for i := range 4 {
				c.read(i)
			}
			c.midst()
			require.NotZero(t, c.Nodes[3].Metrics().StoreBytes, "it has its share")
			dead.Store(3, true)
			require.Less(t, c.store.Sent(), c.total/2, "it dies while they read")
			c.Kill(3)
			c.readers.Wait()
			t.Logf("the store sent %.4f of the %d bytes", float64(c.store.Sent())/float64(c.total), c.total)
			require.LessOrEqual(t, c.store.Sent(), c.total*105/100)
		})
	})
}
