package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millpond/millpond/cachefs"
)

// statsWhileWriting is how many stats a second nodes answer while another one makes changes without pause, against the same while nothing
// changes: a replica answers by itself. All of them share this machine's cores with the writer, the primary and each other's replicas.
func statsWhileWriting(r *report) error {
	return r.withNodes(5, func(nodes []*cachefs.Node, _ *cachefs.Node) error {
		writer, readers := nodes[0], nodes[1:]
		if err := writer.Mkdir(context.Background(), "/stat", nil); err != nil {
			return err
		}
		for _, n := range readers {
			if _, err := n.Stat(context.Background(), "/stat", &cachefs.StatOptions{Consistent: true}); err != nil {
				return err
			}
		}
		for _, n := range []int{1, 2, 4} {
			var still, busy, shares []float64
			for range r.rounds {
				a, err := statRate(readers[:n])
				if err != nil {
					return err
				}
				stop := writeOn(writer)
				b, err := statRate(readers[:n])
				if werr := stop(); err != nil || werr != nil {
					return errors.Join(err, werr)
				}
				still, busy, shares = append(still, a), append(busy, b), append(shares, b/a)
			}
			name := fmt.Sprintf("stats a second on %d nodes, another writes / none does", n)
			r.line(name, perSecond(busy), perSecond(still), atLeast(0.3), shares...)
		}
		return nil
	})
}

// statRate is what one goroutine a node does in a fifth of a second.
func statRate(nodes []*cachefs.Node) (float64, error) {
	var done atomic.Int64
	errs := make(chan error, len(nodes))
	var all sync.WaitGroup
	start := time.Now()
	for _, n := range nodes {
		all.Go(func() {
			for time.Since(start) < 200*time.Millisecond {
				for range 100 {
					if _, err := n.Stat(context.Background(), "/stat", nil); err != nil {
						errs <- err
						return
					}
				}
				done.Add(100)
			}
		})
	}
	all.Wait()
	close(errs)
	return float64(done.Load()) / time.Since(start).Seconds(), <-errs
}

// writeOn makes changes by 8 callers until it is stopped.
func writeOn(n *cachefs.Node) (stop func() error) {
	var over atomic.Bool
	errs := make(chan error, 8)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for !over.Load() {
				if err := n.Mkdir(context.Background(), fmt.Sprintf("/w%d", made.Add(1)), nil); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	return func() error {
		over.Store(true)
		all.Wait()
		close(errs)
		return <-errs
	}
}
