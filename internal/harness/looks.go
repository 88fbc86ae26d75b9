//go:build unix

package harness

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
)

// Looks stats, lists and reads files that nobody changes, through whichever process it meets, until it is stopped.
type Looks struct {
	Files   map[string]string // path to the name of its content
	Nodes   func() []*Process // those that may be asked now
	Workers int

	mu      sync.Mutex
	looks   int
	longest time.Duration
}

// lookMost is when a look is given up: far behind what tests allow.
const lookMost = time.Minute

// Run looks until ctx ends. The error is the first look that failed though its process lived.
func (l *Looks) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	errs := make([]error, l.Workers)
	for w := range l.Workers {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(w), 0x6c6f6f6b))
			paths := slices.Sorted(maps.Keys(l.Files))
			for ctx.Err() == nil && errs[w] == nil {
				if nodes := l.Nodes(); len(nodes) > 0 {
					errs[w] = l.one(context.WithoutCancel(ctx), nodes[rng.IntN(len(nodes))], paths[rng.IntN(len(paths))])
				}
				pause(ctx, time.Millisecond)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// pause keeps what answers at once from taking the machine from the others.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

func (l *Looks) one(ctx context.Context, p *Process, path string) error {
	ctx, cancel := context.WithTimeout(ctx, lookMost)
	defer cancel()
	began := time.Now()
	a, err := p.Do(ctx, Request{Op: "look", Path: path})
	took := time.Since(began)
	switch {
	case errors.Is(err, ErrDied) || strings.Contains(a.Err, "closed"): // it is not one of the others
		return nil
	case err != nil:
		p.Dump()
		return fmt.Errorf("look at %s by %s: no answer: %w", path, p.Name, err)
	case a.Err != "":
		return fmt.Errorf("look at %s by %s, after %v: %s", path, p.Name, took, a.Err)
	case a.What != l.Files[path]:
		return fmt.Errorf("look at %s by %s: %s, want %s", path, p.Name, a.What, l.Files[path])
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.looks++
	l.longest = max(l.longest, took)
	return nil
}

// Longest is how long the slowest of n looks took.
func (l *Looks) Longest() (longest time.Duration, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.longest, l.looks
}
