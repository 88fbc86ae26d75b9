package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"time"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/journal"
	"github.com/millpond/millpond/peer"
	"github.com/millpond/millpond/tier"
)

// openNodes opens n nodes of one mesh on loopback, which begin a journal together; an empty dir is memory. Others join at the addresses.
func openNodes(ctx context.Context, dir string, n int) (nodes []*cachefs.Node, addrs []string, err error) {
	if addrs, err = freeAddrs(n); err != nil {
		return nil, nil, err
	}
	nodes, err = openAt(ctx, dir, addrs, addrs, n)
	return nodes, addrs, err
}

// joinNodes opens n nodes more.
func joinNodes(ctx context.Context, n int, join []string) ([]*cachefs.Node, error) {
	addrs, err := freeAddrs(n)
	if err != nil {
		return nil, err
	}
	return openAt(ctx, "", addrs, join, 0)
}

func openAt(ctx context.Context, dir string, addrs, join []string, expect int) (nodes []*cachefs.Node, err error) {
	var mu sync.Mutex
	var all sync.WaitGroup
	for i, addr := range addrs {
		cfg := meshConfig(addr, join...)
		if dir != "" {
			cfg.Dir = filepath.Join(dir, fmt.Sprint(i))
		}
		cfg.Journal.Expect = expect
		all.Go(func() {
			node, oerr := cachefs.Open(ctx, cfg)
			mu.Lock()
			defer mu.Unlock()
			if err = errors.Join(err, oerr); oerr == nil {
				nodes = append(nodes, node)
			}
		})
	}
	all.Wait()
	return nodes, err
}

// meshConfig is a node of a mesh on loopback.
func meshConfig(addr string, join ...string) cachefs.Config {
	return cachefs.Config{
		Tiers: []tier.Config{{Kind: tier.Memory, Size: 64 * miB}},
		Mesh:  &peer.Config{Bind: addr, Join: join, Secret: "nodes on one machine"},
	}
}

// closeNodes closes those without a vote at once, and then one voter after the other, who hands its vote over.
func closeNodes(nodes []*cachefs.Node) {
	var all sync.WaitGroup
	var voters []*cachefs.Node
	for _, n := range nodes {
		if n.Metrics().Journal.Role == journal.RoleLearner {
			all.Go(func() { n.Close() })
		} else {
			voters = append(voters, n)
		}
	}
	all.Wait()
	for _, n := range voters {
		n.Close()
	}
}

// freeAddrs are addresses that were free a moment ago.
func freeAddrs(n int) (addrs []string, err error) {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		addrs = append(addrs, l.Addr().String())
	}
	return addrs, nil
}

// awaitVoters waits until so many of the nodes vote, and returns the primary.
func awaitVoters(nodes []*cachefs.Node, want int) (*cachefs.Node, error) {
	for range 600 {
		var primary *cachefs.Node
		voters := 0
		for _, n := range nodes {
			switch n.Metrics().Journal.Role {
			case "primary":
				primary = n
				voters++
			case "voter":
				voters++
			}
		}
		if voters == want && primary != nil {
			return primary, nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return nil, fmt.Errorf("%d nodes did not have %d voters in 60 s", len(nodes), want)
}
