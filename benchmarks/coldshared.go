package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/faultproxy"
	"github.com/millpond/millpond/peer"
	"github.com/millpond/millpond/tier"
	_ "github.com/millpond/millpond/ufs/httpufs"
)

const (
	storeRate   = 50 * miB // a second: slow beside four readers on one machine, whose processors they share with the store
	coldReaders = 4
	coldRounds  = 3 // of 20 s for each side, at most
)

// coldShared is four nodes that read one file cold against one node alone that does, from a store of one rate for all of its
// readers: what one brings, the others have from it.
func coldShared(r *report) (err error) {
	s, err := newSlowStore(r.dir, r.shared)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	var four, one, ratios []float64
	rounds, sent := min(r.rounds, coldRounds), int64(0)
	for range rounds {
		before := s.rate.Sent()
		a, err := s.readCold(coldReaders)
		if err != nil {
			return err
		}
		sent += s.rate.Sent() - before
		b, err := s.readCold(1)
		if err != nil {
			return err
		}
		four, one, ratios = append(four, float64(a)), append(one, float64(b)), append(ratios, float64(a)/float64(b))
	}
	name := fmt.Sprintf("%d cold readers of %d MiB, a store of %d MiB/s, against 1", coldReaders, r.shared/miB, storeRate/miB)
	r.line(name, nanos(median(four)), nanos(median(one)), atMost(1.5), ratios...)
	times := float64(sent) / float64(r.shared) / float64(rounds)
	r.line("the same, times that the store sent the file", fmt.Sprintf("%.3f", times), "1", atMost(1.05), times)
	return nil
}

// slowStore is one file on a web server behind a proxy that limits the rate.
type slowStore struct {
	size   int64
	server *httptest.Server
	proxy  *faultproxy.Proxy
	rate   *faultproxy.Pace
}

func newSlowStore(scratch string, size int64) (*slowStore, error) {
	dir := filepath.Join(scratch, "shared")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	p := make([]byte, size)
	noise(p)
	name, old := filepath.Join(dir, "f"), time.Now().Add(-time.Hour) // what is young may change within the second
	if err := errors.Join(os.WriteFile(name, p, 0o600), os.Chtimes(name, old, old)); err != nil {
		return nil, err
	}
	s := &slowStore{size: size, server: httptest.NewServer(http.FileServer(http.Dir(dir)))}
	var err error
	if s.proxy, err = faultproxy.Start(s.server.URL, nil); err != nil {
		s.server.Close()
		return nil, err
	}
	s.rate = faultproxy.NewPace(storeRate)
	s.proxy.On(faultproxy.Rule{Fault: s.rate.Fault()})
	return s, nil
}

func (s *slowStore) close() error {
	err := s.proxy.Close()
	s.server.Close()
	return err
}

// readCold opens n nodes, lets each read the whole file at the same time, and returns how long the last took.
func (s *slowStore) readCold(n int) (took time.Duration, err error) {
	ctx := context.Background()
	nodes, err := s.open(ctx, n)
	defer func() {
		for _, node := range nodes {
			err = errors.Join(err, node.Close())
		}
	}()
	if err != nil {
		return 0, err
	}
	errs := make([]error, n)
	var all sync.WaitGroup
	began := time.Now()
	for i, node := range nodes {
		all.Go(func() { errs[i] = s.readThrough(ctx, node) })
	}
	all.Wait()
	return time.Since(began), errors.Join(errs...)
}

func (s *slowStore) readThrough(ctx context.Context, n *cachefs.Node) error {
	f, err := n.Open(ctx, "/web/f", nil)
	if err != nil {
		return err
	}
	defer f.Close()
	switch got, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{f}, make([]byte, miB)); {
	case err != nil:
		return err
	case got != s.size:
		return fmt.Errorf("%d bytes of %d", got, s.size)
	}
	return nil
}

// open opens n nodes that know each other and the file.
func (s *slowStore) open(ctx context.Context, n int) (nodes []*cachefs.Node, err error) {
	addrs, err := freeAddrs(n)
	if err != nil {
		return nil, err
	}
	for i, addr := range addrs {
		c := cachefs.Config{
			Tiers:  []tier.Config{{Kind: tier.Memory, Size: s.size + 64*miB}},
			Mounts: []cachefs.MountConfig{{Path: "/web", URL: s.proxy.URL() + "/"}},
		}
		if n > 1 {
			c.Mesh = &peer.Config{Bind: addr, Join: addrs[:i], Secret: "readers on one machine"}
		}
		node, err := cachefs.Open(ctx, c)
		if err != nil {
			return nodes, err
		}
		nodes = append(nodes, node)
	}
	return nodes, s.meet(ctx, nodes)
}

// meet waits until all see each other and the file.
func (s *slowStore) meet(ctx context.Context, nodes []*cachefs.Node) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for _, node := range nodes {
		for {
			c, err := node.Cluster(ctx)
			if err != nil {
				return err
			}
			if _, err = node.Stat(ctx, "/web/f", nil); err == nil && len(c.Peers) == len(nodes) {
				break
			}
			select {
			case <-time.After(20 * time.Millisecond):
			case <-ctx.Done():
				return fmt.Errorf("%d of %d nodes meet, and the file: %w", len(c.Peers), len(nodes), errors.Join(err, context.Cause(ctx)))
			}
		}
	}
	return nil
}
