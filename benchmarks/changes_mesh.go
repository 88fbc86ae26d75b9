package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/peer"
	"github.com/millpond/millpond/tier"
)

// changesOfThree is goal 15 with three nodes, which all vote: durable changes a second by 64 callers, over loopback and with three disks'
// syncs on one disk. Callers of the primary, and callers spread over the nodes, whose changes travel to it.
func changesOfThree(r *report) error {
	ctx := context.Background()
	dir, err := os.MkdirTemp(r.dir, "changes3")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	nodes, err := openThree(ctx, dir)
	defer func() {
		for _, n := range nodes {
			n.Close()
		}
	}()
	if err != nil {
		return err
	}
	primary, err := awaitVoters(ctx, nodes)
	if err != nil {
		return err
	}
	var made atomic.Int64
	through := func(of ...*cachefs.Node) side {
		return from(64, func() error {
			i := made.Add(1)
			return of[i%int64(len(of))].Mkdir(ctx, fmt.Sprintf("/d%d", i), nil)
		})
	}
	for _, c := range []struct {
		name  string
		nodes []*cachefs.Node
	}{{"primary", []*cachefs.Node{primary}}, {"nodes in turn", nodes}} {
		if err := r.rate("changes a second, 3 nodes, 64 callers, "+c.name, atLeast(20_000), through(c.nodes...)); err != nil {
			return err
		}
	}
	return nil
}

// rate prints how many operations a second ours does.
func (r *report) rate(name string, b bound, ours side) error {
	n, err := calibrate(ours)
	if err != nil {
		return err
	}
	n *= 4 // 0.2 s: some hundred rounds of syncs
	var rates []float64
	for range r.rounds {
		c, err := timed(n, func() error { return ours(n) })
		if err != nil {
			return err
		}
		rates = append(rates, 1e9/c.each(false))
	}
	r.line(name, fmt.Sprintf("%.0f/s", median(rates)), "-", b, rates...)
	return nil
}

func openThree(ctx context.Context, dir string) (nodes []*cachefs.Node, err error) {
	addrs, err := freeAddrs(3)
	if err != nil {
		return nil, err
	}
	type opened struct {
		*cachefs.Node
		error
	}
	results := make(chan opened, len(addrs))
	for i, addr := range addrs {
		cfg := cachefs.Config{
			Dir:   filepath.Join(dir, fmt.Sprint(i)),
			Tiers: []tier.Config{{Kind: tier.Memory, Size: 64 * miB}},
			Mesh:  &peer.Config{Bind: addr, Join: addrs, Secret: "three nodes on one machine"},
		}
		cfg.Journal.Expect = len(addrs)
		go func() {
			n, err := cachefs.Open(ctx, cfg)
			results <- opened{n, err}
		}()
	}
	for range addrs {
		o := <-results
		if err = errors.Join(err, o.error); o.Node != nil {
			nodes = append(nodes, o.Node)
		}
	}
	return nodes, err
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

// awaitVoters waits until all three vote, and returns the primary.
func awaitVoters(ctx context.Context, nodes []*cachefs.Node) (*cachefs.Node, error) {
	for range 300 {
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
		if voters == len(nodes) && primary != nil {
			return primary, nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return nil, errors.New("three nodes did not become three voters in 30 s")
}
