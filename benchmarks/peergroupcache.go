package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"

	"github.com/golang/groupcache"
	pb "github.com/golang/groupcache/groupcachepb"
)

// onePool is the pool that a process can have. Its group has the first block cached that it was opened with.
var onePool struct {
	sync.Once
	pool *groupcache.HTTPPool
	err  error
}

func openPool(block []byte) (*groupcache.HTTPPool, error) {
	onePool.Do(func() {
		const here = "http://here.invalid"
		onePool.pool = groupcache.NewHTTPPoolOpts(here, nil)
		group := groupcache.NewGroup("blocks", 64*miB, groupcache.GetterFunc(func(_ context.Context, _ string, dest groupcache.Sink) error {
			return dest.SetBytes(block)
		}))
		var cached []byte // before the pool knows of others, so that the value is this process's own
		onePool.err = group.Get(context.Background(), "block", groupcache.AllocatingByteSliceSink(&cached))
	})
	return onePool.pool, onePool.err
}

// groupcacheRival is groupcache's HTTP pool, client and server. The client asks the pool itself, since a group would find
// the value in its own cache; the server's group has it cached.
func groupcacheRival(block []byte) (*rival, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	pool, err := openPool(block)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	pool.Set("http://" + l.Addr().String())
	server := &http.Server{Handler: pool}
	var serve sync.WaitGroup
	serve.Go(func() { server.Serve(l) })
	return &rival{
		read: func(dst []byte) error { return groupcacheRead(pool, dst) },
		close: func() error {
			http.DefaultTransport.(*http.Transport).CloseIdleConnections() // the pool's
			err := server.Shutdown(context.Background())
			serve.Wait()
			return err
		},
	}, nil
}

func groupcacheRead(pool *groupcache.HTTPPool, dst []byte) error {
	getter, ok := pool.PickPeer("block")
	if !ok {
		return errors.New("the pool has no peer")
	}
	group, key := "blocks", "block"
	var answer pb.GetResponse
	if err := getter.Get(context.Background(), &pb.GetRequest{Group: &group, Key: &key}, &answer); err != nil {
		return err
	}
	copy(dst, answer.Value)
	return nil
}
