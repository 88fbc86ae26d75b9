package main

import (
	"context"
	"fmt"
	"math"
	"runtime/debug"
	"time"

	"github.com/millpond/millpond/cachefs"
)

// idleTime is how long idle nodes are watched: some rounds of gossip's exchanges, which come each 30 s in a mesh of three, would make
// it a minute; what is seen here is heartbeats, probes and tickers.
const idleTime = 5 * time.Second

// idleNodes is what a node costs that does nothing, in meshes of several sizes: its share of this process's CPU and memory.
func idleNodes(r *report) error {
	for _, n := range []int{3, 25, 100} {
		if err := idleMesh(r, n); err != nil {
			return fmt.Errorf("%d nodes: %w", n, err)
		}
	}
	return nil
}

func idleMesh(r *report, n int) error {
	debug.FreeOSMemory()
	before := residentNow()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute) // 100 nodes need a quarter of a core to be there at all
	defer cancel()
	nodes, err := openIdle(ctx, n)
	defer func() { closeNodes(nodes) }()
	if err != nil {
		return err
	}
	voters := 3
	if n >= 5 {
		voters = 5
	}
	if _, err := awaitVoters(nodes, voters); err != nil {
		return err
	}
	time.Sleep(idleTime) // what came with joining ends
	var shares []float64
	for range 3 {
		c, err := timed(n, func() error { time.Sleep(idleTime); return nil })
		if err != nil {
			return err
		}
		shares = append(shares, 100*c.each(true)/float64(c.wall))
	}
	debug.FreeOSMemory()
	each := math.NaN() // where the system does not tell
	if before > 0 {
		each = float64(residentNow()-before) / float64(n) / miB
	}
	r.line(fmt.Sprintf("idle node of %d, %% of a core", n), fmt.Sprintf("%.2f%%", median(shares)), "1%", atMost(1), shares...)
	r.line(fmt.Sprintf("idle node of %d, resident MiB (64 MiB tier, empty)", n), fmt.Sprintf("%.1f", each), "16", atMost(16), each)
	return nil
}

// openIdle opens five nodes, or as many as there are to be, and the others ten at a time, as a job that grows.
func openIdle(ctx context.Context, n int) ([]*cachefs.Node, error) {
	nodes, addrs, err := openNodes(ctx, "", min(n, 5))
	for err == nil && len(nodes) < n {
		var more []*cachefs.Node
		more, err = joinNodes(ctx, min(n-len(nodes), 10), addrs)
		nodes = append(nodes, more...)
	}
	return nodes, err
}
