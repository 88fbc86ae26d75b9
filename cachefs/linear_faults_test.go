package cachefs_test

import (
	"math/rand/v2"
	"time"

	"github.com/millpond/millpond/cachefs/cachefstest"
)

// trouble breaks nodes and network at random, one thing or two at a time, and mends them, until done.
func (r *linRun) trouble(done <-chan struct{}) {
	rng := rand.New(rand.NewPCG(r.seed, 99))
	c, n := r.cluster, len(r.cluster.Nodes)
	defer c.Heal()
	for {
		i, k := rng.IntN(n), 1+rng.IntN(n-1)
		other := (i + k) % n
		var rest []int
		for j := range n {
			if j != i {
				rest = append(rest, j)
			}
		}
		kind := []string{"cut", "one way", "partial", "links", "kill", "crash", "cut and kill"}[rng.IntN(7)]
		dead := -1
		switch kind {
		case "cut":
			c.Partition([]int{i}, rest)
		case "one way":
			c.OneWay(i, other)
		case "partial":
			c.Cut(i, other)
		case "links":
			c.SetLinks(cachefstest.Link{Latency: time.Millisecond, Jitter: 30 * time.Millisecond, Loss: 0.05})
		case "kill", "crash":
			dead = i
		case "cut and kill":
			c.Partition([]int{i}, rest)
			dead = other
		}
		r.mu.Lock()
		r.mu.faults[kind]++
		r.mu.Unlock()
		if dead >= 0 {
			r.set(dead, nil)
			if kind == "crash" {
				c.Crash(dead)
			} else {
				c.Kill(dead)
			}
		}
		time.Sleep(time.Duration(500+rng.IntN(3000)) * time.Millisecond)
		c.Heal()
		c.SetLinks(cachefstest.Link{})
		if dead >= 0 {
			c.Start(dead)
			r.set(dead, c.Nodes[dead])
		}
		select {
		case <-done:
			return
		case <-time.After(time.Duration(rng.IntN(4000)) * time.Millisecond):
		}
	}
}
