package main

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"

	"github.com/millpond/millpond/cachefs"
)

// changesOfThree is goal 15 with three nodes, which all vote: durable changes a second by 64 callers, over loopback and with three disks'
// syncs on one disk. Callers of the primary, and callers spread over the nodes, whose changes travel to it.
func changesOfThree(r *report) error {
	return r.withNodes(3, func(nodes []*cachefs.Node, primary *cachefs.Node) error {
		for _, c := range []struct {
			name  string
			nodes []*cachefs.Node
		}{{"primary", []*cachefs.Node{primary}}, {"nodes in turn", nodes}} {
			rates, err := r.rates(mkdirs(c.nodes))
			if err != nil {
				return err
			}
			r.line("changes a second, 3 nodes, 64 callers, "+c.name, perSecond(rates), "-", atLeast(20_000), rates...)
		}
		return nil
	})
}

// changesByNodes is how the rate of changes goes with the number of nodes, which all vote, against one. A change of more than one takes two
// syncs, one after the other, and all nodes' syncs are on one disk here.
func changesByNodes(r *report) error {
	var alone float64
	for _, n := range []int{1, 3, 5} {
		err := r.withNodes(n, func(nodes []*cachefs.Node, _ *cachefs.Node) error {
			rates, err := r.rates(mkdirs(nodes))
			if err != nil {
				return err
			}
			if n == 1 {
				alone = median(rates)
				return nil
			}
			name := fmt.Sprintf("changes a second, %d nodes, 64 callers in turn, of one's", n)
			r.line(name, perSecond(rates), fmt.Sprintf("%.0f/s", alone), atLeast(0.2), scaled(rates, 1/alone)...)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// withNodes runs f on n nodes with directories, of which all vote.
func (r *report) withNodes(n int, f func(nodes []*cachefs.Node, primary *cachefs.Node) error) error {
	dir, err := os.MkdirTemp(r.dir, "nodes")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	nodes, _, err := openNodes(context.Background(), dir, n)
	defer func() { closeNodes(nodes) }()
	if err != nil {
		return err
	}
	primary, err := awaitVoters(nodes, n)
	if err != nil {
		return err
	}
	return f(nodes, primary)
}

var made atomic.Int64

// mkdirs is 64 callers who make directories, through nodes in turn.
func mkdirs(nodes []*cachefs.Node) side {
	return from(64, func() error {
		i := made.Add(1)
		return nodes[i%int64(len(nodes))].Mkdir(context.Background(), fmt.Sprintf("/n%d", i), nil)
	})
}

// rates is how many operations a second ours does, of each round.
func (r *report) rates(ours side) (rates []float64, err error) {
	n, err := calibrate(ours)
	if err != nil {
		return nil, err
	}
	n *= 4 // 0.2 s: some hundred rounds of syncs
	for range r.rounds {
		c, err := timed(n, func() error { return ours(n) })
		if err != nil {
			return nil, err
		}
		rates = append(rates, 1e9/c.each(false))
	}
	return rates, nil
}

func perSecond(rates []float64) string { return fmt.Sprintf("%.0f/s", median(rates)) }

func scaled(v []float64, by float64) (out []float64) {
	for _, x := range v {
		out = append(out, x*by)
	}
	return out
}
