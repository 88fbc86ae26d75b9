package cachefs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/peer"
)

// asked is the number of the node that a Client asks now.
func asked(t *testing.T, c *cachefstest.Cluster, client *cachefs.Client) int {
	t.Helper()
	info, err := client.Cluster(t.Context())
	require.NoError(t, err)
	for i, n := range c.Nodes {
		if n != nil && n.ID() == info.Self {
			return i
		}
	}
	require.Fail(t, "no node is asked", info.Self)
	return -1
}

// TestClientFailover: each of three nodes dies while a Client asks it. Open files are read on at the same place, changes are made
// once, and nothing that it has seen is gone.
func TestClientFailover(t *testing.T) {
	for name, end := range map[string]func(*cachefstest.Cluster, int){"killed": (*cachefstest.Cluster).Kill, "power lost": (*cachefstest.Cluster).Crash} {
		t.Run(name, func(t *testing.T) {
			bubbletest.Test(t, func(t *testing.T) {
				c := cachefstest.New(t, 3, func(cfg *cachefs.Config) { cfg.BlockSize = 64 << 10 })
				time.Sleep(10 * time.Second)
				client := c.Client()
				want := content(7, 1<<20)
				require.NoError(t, writeFile(t.Context(), client, "/mem/f", want, cachefs.CreateOptions{}))
				f, err := client.Open(t.Context(), "/mem/f", nil)
				require.NoError(t, err)
				got := make([]byte, 0, len(want))
				for range 3 {
					got = append(got, make([]byte, 300_000)...)
					_, err := io.ReadFull(f, got[len(got)-300_000:])
					require.NoError(t, err)
					i := asked(t, c, client)
					end(c, i)
					began := time.Now()
					require.NoError(t, client.Mkdir(t.Context(), "/d", nil))
					require.ErrorIs(t, client.Mkdir(t.Context(), "/d", nil), fs.ErrExist)
					require.NoError(t, client.Remove(t.Context(), "/d", nil))
					require.Less(t, time.Since(began), 20*time.Second)
					c.Start(i)
					time.Sleep(10 * time.Second)
				}
				rest, err := io.ReadAll(f)
				require.NoError(t, err)
				require.NoError(t, same(append(got, rest...), want, 0))
				require.NoError(t, f.Close())
			})
		})
	}
}

// deafNetwork loses what comes from one address, or breaks the connection that has brought enough.
type deafNetwork struct {
	peer.Network
	deafTo atomic.Value // string
	left   atomic.Int64 // bytes until the break; 0: none comes
	came   atomic.Int64 // bytes
}

type deafConn struct {
	net.Conn
	net  *deafNetwork
	addr string
}

func (n *deafNetwork) Dial(ctx context.Context, addr string) (net.Conn, error) {
	conn, err := n.Network.Dial(ctx, addr)
	return &deafConn{conn, n, addr}, err
}

func (c *deafConn) Read(p []byte) (n int, err error) {
	for {
		n, err = c.Conn.Read(p)
		c.net.came.Add(int64(n))
		if left := c.net.left.Load(); left > 0 && c.net.left.Add(-min(left, int64(n))) == 0 {
			_ = c.Close()
		}
		if err != nil || c.net.deafTo.Load() != c.addr {
			return n, err
		}
	}
}

// TestClientReadsOnInABlock: a connection breaks in the middle of a block, and of a ReadAt of several. What has come is not asked for again.
func TestClientReadsOnInABlock(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		c := cachefstest.New(t, 2)
		time.Sleep(10 * time.Second)
		var net deafNetwork
		client := c.Client(func(cfg *cachefs.DialConfig) { net.Network, cfg.Mesh.Network = cfg.Mesh.Network, &net })
		want := content(3, 10<<20)
		require.NoError(t, writeFile(t.Context(), client, "/f", want, cachefs.CreateOptions{}))
		f, err := client.Open(t.Context(), "/f", nil)
		require.NoError(t, err)
		defer f.Close()
		for _, at := range []int64{1, 100_000, 3 << 20, 6_000_000} {
			net.left.Store(at)
			net.came.Store(0)
			got := make([]byte, len(want)+1)
			n, err := f.ReadAt(got, 0)
			require.ErrorIs(t, err, io.EOF)
			require.NoError(t, same(got[:n], want, 0))
			require.Zero(t, net.left.Load(), "it has not been broken")
			require.Less(t, net.came.Load(), int64(len(want)+1<<20), "pieces that were cut off come again, and frames have heads")
		}
	})
}

// TestClientRetryOnce: a node that a Client has asked for a change makes it and is lost before it answers. The next node finds it
// made: no change is made twice, and none fails for what it did itself.
func TestClientRetryOnce(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		c := cachefstest.New(t, 3)
		time.Sleep(10 * time.Second)
		var net deafNetwork
		client := c.Client(func(cfg *cachefs.DialConfig) { net.Network, cfg.Mesh.Network = cfg.Mesh.Network, &net })
		ctx := t.Context()
		require.NoError(t, client.Mkdir(ctx, "/from", nil))
		for path, change := range map[string]func() error{
			"/made":    func() error { return client.Mkdir(ctx, "/made", nil) },
			"/to":      func() error { return client.Rename(ctx, "/from", "/to", nil) },
			"/mem/dir": func() error { return client.Mkdir(ctx, "/mem/dir", &cachefs.MkdirOptions{Parents: true}) },
		} {
			i := asked(t, c, client)
			net.deafTo.Store(c.Addr(i) + ":7946") // it hears, and is not heard
			done := make(chan error, 1)
			go func() { done <- change() }()
			time.Sleep(time.Second)
			_, err := c.Nodes[i].Stat(ctx, path, nil)
			require.NoError(t, err, "it has not been made: %s", path)
			require.Empty(t, done)
			if err := <-done; path == "/mem/dir" { // it was made in a store, too: whether that has ended well nobody says
				require.ErrorIs(t, err, cachefs.ErrUnknownOutcome)
			} else {
				require.NoError(t, err, path)
			}
			require.NotEqual(t, i, asked(t, c, client))
			net.deafTo.Store("")
		}
		_, err := client.Stat(ctx, "/from", nil)
		require.ErrorIs(t, err, fs.ErrNotExist)
	})
}

// TestClientMonotonic: a Client that moves to a node that is behind waits until that has caught up, and asks another one if it
// does not.
func TestClientMonotonic(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		c := cachefstest.New(t, 3)
		time.Sleep(10 * time.Second)
		behind := (c.Primary() + 1) % 3
		ahead := (c.Primary() + 2) % 3
		c.Partition([]int{behind}, []int{c.Primary(), ahead})
		client := c.Client(func(cfg *cachefs.DialConfig) {
			cfg.Mesh.Addresses = []string{cfg.Mesh.Addresses[ahead], cfg.Mesh.Addresses[behind]}
		})
		require.NoError(t, client.Mkdir(t.Context(), "/seen", nil))
		require.Equal(t, ahead, asked(t, c, client))
		c.Kill(ahead)
		short, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		_, err := client.Stat(short, "/seen", nil)
		require.ErrorIs(t, err, context.DeadlineExceeded, "it must not say that there is none")
		done := make(chan error, 1)
		go func() { _, err := client.Stat(t.Context(), "/seen", nil); done <- err }()
		time.Sleep(30 * time.Second)
		synctest.Wait()
		require.Empty(t, done)
		c.Heal()
		require.NoError(t, <-done)
		require.Equal(t, behind, asked(t, c, client))
	})
}

// TestClientGoesOnWithAnotherHistory: the mesh comes back with nothing, or less than the Client has seen. It goes on with what there is.
func TestClientGoesOnWithAnotherHistory(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		dir := "/millpond"
		c := cachefstest.New(t, 2, func(cfg *cachefs.Config) { cfg.Dir = dir })
		time.Sleep(10 * time.Second)
		client := c.Client()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		for i := range 50 {
			require.NoError(t, client.Mkdir(ctx, fmt.Sprint("/d", i), nil))
		}
		putStore(t, c, "f", []byte("kept"))
		f, err := client.Open(ctx, "/mem/f", nil)
		require.NoError(t, err)
		c.Stop(0, 1)
		dir = "/another"
		c.Start(0, 1)
		time.Sleep(10 * time.Second)
		got := make([]byte, 4)
		_, err = f.ReadAt(got, 0) // it was opened in the other one
		require.NoError(t, err)
		require.Equal(t, "kept", string(got))
		_, err = client.Stat(ctx, "/d0", nil)
		require.ErrorIs(t, err, fs.ErrNotExist)
		require.NoError(t, client.Mkdir(ctx, "/d0", nil))
		_, err = client.Stat(ctx, "/d0", nil)
		require.NoError(t, err)
	})
}

// TestClientWriterLosesItsNode: the file is not there, and the error says so; a Close that was under way may have been made.
func TestClientWriterLosesItsNode(t *testing.T) {
	t.Run("killed", func(t *testing.T) { loseNode(t, (*cachefstest.Cluster).Kill) })
	t.Run("power lost", func(t *testing.T) { loseNode(t, (*cachefstest.Cluster).Crash) })
}

func loseNode(t *testing.T, end func(*cachefstest.Cluster, int)) {
	bubbletest.Test(t, func(t *testing.T) {
		c := cachefstest.New(t, 3)
		time.Sleep(10 * time.Second)
		client := c.Client()
		w, err := client.Create(t.Context(), "/f", nil)
		require.NoError(t, err)
		_, err = w.Write(make([]byte, 1<<20))
		require.NoError(t, err)
		i := asked(t, c, client)
		end(c, i)
		for err == nil {
			_, err = w.Write(make([]byte, 1<<20))
		}
		require.ErrorIs(t, err, cachefs.ErrLeaseLost)
		var pe *fs.PathError
		require.True(t, errors.As(err, &pe))
		require.Equal(t, "/f", pe.Path)
		require.ErrorIs(t, w.Close(), cachefs.ErrLeaseLost)
		require.NoError(t, w.Abort())
		time.Sleep(time.Minute)
		_, err = client.Stat(t.Context(), "/f", nil)
		require.ErrorIs(t, err, fs.ErrNotExist)
		c.Start(i)
	})
}

// TestClientNodeCloses: a node that leaves ends what a Client has there as one that is lost does: a job goes on at another, a writer is ErrLeaseLost.
func TestClientNodeCloses(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		c := cachefstest.New(t, 3)
		time.Sleep(10 * time.Second)
		client := c.Client()
		putStore(t, c, "f", content(1, 100_000))
		c.Store.OnCall(func(op, _ string) error {
			if op == "open" {
				time.Sleep(5 * time.Second)
			}
			return nil
		})
		j, err := client.Load(t.Context(), "/mem", nil)
		require.NoError(t, err)
		w, err := client.Create(t.Context(), "/w", nil)
		require.NoError(t, err)
		time.Sleep(time.Second)
		require.False(t, j.Progress().Done)
		c.Stop(asked(t, c, client))
		c.Store.OnCall(nil)
		require.NoError(t, j.Wait(t.Context()))
		require.EqualValues(t, 1, j.Progress().FilesDone)
		_, err = w.Write(make([]byte, 1<<20))
		require.ErrorIs(t, err, cachefs.ErrLeaseLost)
		require.NotErrorIs(t, err, cachefs.ErrClosed)
		require.ErrorIs(t, w.Close(), cachefs.ErrLeaseLost)
		_, err = client.Stat(t.Context(), "/w", nil)
		require.ErrorIs(t, err, fs.ErrNotExist)
	})
}

// TestClientThatLeavesItsClose: a Client goes at one moment or another of the Close of its Writer. The node lives on, and a file whose Close has
// said nothing else is there.
func TestClientThatLeavesItsClose(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		c := cachefstest.New(t, 2)
		time.Sleep(10 * time.Second)
		node := (c.Primary() + 1) % 2
		client := c.Client(func(cfg *cachefs.DialConfig) { cfg.Mesh.Addresses = cfg.Mesh.Addresses[node : node+1] })
		c.SetLink(0, 1, cachefstest.Link{Latency: 100 * time.Millisecond})
		for after := time.Duration(0); after < time.Second; after += 50 * time.Millisecond {
			path := fmt.Sprint("/", after)
			ctx, cancel := context.WithCancel(t.Context())
			w, err := client.Create(ctx, path, nil)
			require.NoError(t, err)
			time.AfterFunc(after, cancel)
			if w.Close() == nil {
				require.True(t, mustStat(t, c.Nodes[node], path).Complete())
			}
			cancel()
			time.Sleep(5 * time.Second)
		}
	})
}
