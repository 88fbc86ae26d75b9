package cachefs_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/netsim"
	"github.com/millpond/millpond/peer"
	"github.com/millpond/millpond/tier"
	"github.com/millpond/millpond/ufs/memufs"
)

// stoppable is the network of a node that can be stopped, as a process is, where it asks others.
type stoppable struct {
	*netsim.Host
	reads, writes valve
}

// valve is open unless it is shut.
type valve struct {
	sync.Mutex
	shut chan struct{} // nil: it is open
}

func (v *valve) close() {
	v.Lock()
	defer v.Unlock()
	v.shut = make(chan struct{})
}

func (v *valve) open() {
	v.Lock()
	defer v.Unlock()
	if v.shut != nil {
		close(v.shut)
		v.shut = nil
	}
}

// pass waits until it is open.
func (v *valve) pass() {
	v.Lock()
	shut := v.shut
	v.Unlock()
	if shut != nil {
		<-shut
	}
}

func (s *stoppable) Dial(ctx context.Context, addr string) (net.Conn, error) {
	c, err := s.Host.Dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	return &stoppableConn{c, s}, nil
}

type stoppableConn struct {
	net.Conn
	s *stoppable
}

func (c *stoppableConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.s.reads.pass()
	return n, err
}

func (c *stoppableConn) Write(p []byte) (int, error) {
	c.s.writes.pass()
	return c.Conn.Write(p)
}

// goOn ends a stop.
func (s *stoppable) goOn() {
	s.reads.open()
	s.writes.open()
}

// TestStoppedReader: a node that has asked for as many blocks as memory has, and stops, takes no room from who reads or writes at the node
// that it has asked.
func TestStoppedReader(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		network := netsim.New(1)
		r := openReadersOver(t, memufs.New(nil), 0)
		r.mesh = nil
		const blocks, size = 60, 128 << 10
		small := func(c *cachefs.Config) {
			c.BlockSize, c.Tiers = size, []tier.Config{{Kind: tier.Memory, Size: (blocks + 4) * size}}
		}
		n := openMeshNode(t, r, network, 0, small)
		s := &stoppable{Host: network.Host(meshHost(1))}
		openMeshNode(t, r, network, 1, small, func(c *cachefs.Config) { c.Mesh.Network = s })
		own := r.ownedFiles(0, blocks, size)
		r.whole(1, own[0]) // it has connections

		s.reads.close()
		var all sync.WaitGroup
		defer all.Wait()
		defer s.goOn()
		for _, name := range own {
			all.Go(func() { r.whole(1, name) })
		}
		synctest.Wait() // all are asked for
		s.writes.close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r.put("cold", 16*size)
		r.expect(0, "cold", cachefs.CachePromote)
		require.NoError(t, writeFile(ctx, n, "/own", make([]byte, 48*size), cachefs.CreateOptions{ReplicasMin: 1}))
		require.True(t, cachefs.HoldsAll(n, "/own"))
		require.NoError(t, n.Remove(t.Context(), "/own", nil))
	})
}

// ownedFiles makes files of one block that node i owns, and has.
func (r *readers) ownedFiles(i, n, size int) (names []string) {
	r.t.Helper()
	for k := 0; len(names) < n; k++ {
		name := fmt.Sprint("f", k)
		r.put(name, size)
		in, err := r.nodes[i].Stat(r.t.Context(), "/mem/"+name, nil)
		require.NoError(r.t, err)
		if cachefs.OwnersOf(r.nodes[i], peer.Key(tier.NewBlockID(in.FileID(), 0)), 1)[0] == r.nodes[i].ID() {
			r.expect(i, name, cachefs.CachePromote)
			names = append(names, name)
		}
	}
	return names
}

// whole reads a file with one ReadAt through node i, which keeps nothing.
func (r *readers) whole(i int, name string) {
	r.t.Helper()
	want := r.files[name]
	f, err := r.nodes[i].Open(r.t.Context(), "/mem/"+name, &cachefs.OpenOptions{ReadType: cachefs.NoCache})
	if err != nil {
		r.t.Error(err)
		return
	}
	defer f.Close()
	got := make([]byte, len(want))
	if _, err := f.ReadAt(got, 0); err != nil || !bytes.Equal(got, want) {
		r.t.Errorf("node %d: %s: not the %d bytes in the store: %v", i, name, len(want), err)
	}
}
