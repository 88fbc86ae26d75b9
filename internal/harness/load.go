//go:build unix

package harness

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/harness/signed"
)

// Load makes changes through the processes of a mesh until it is stopped, and keeps the Ledger.
type Load struct {
	Ledger  *Ledger
	Nodes   func() []*Process // those that may be asked now
	Workers int
	Wait    time.Duration // how long a change may take

	mu     sync.Mutex
	acked  []time.Time // of every acknowledgement
	failed error
}

// Run works until ctx ends; what is asked for then is waited for. The error is the first answer that no fault explains.
func (l *Load) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for w := range l.Workers {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(w), 0x6c6f6164))
			for i := 0; ctx.Err() == nil && l.err() == nil; i++ {
				l.one(context.WithoutCancel(ctx), w, i, rng)
			}
		})
	}
	wg.Wait()
	return l.err()
}

func (l *Load) err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failed
}

// one makes one change through one process.
func (l *Load) one(ctx context.Context, w, i int, rng *rand.Rand) {
	nodes := l.Nodes()
	if len(nodes) == 0 {
		return
	}
	r := l.next(w, i, rng)
	r.Wait = l.Wait.Milliseconds()
	name := signed.Name(r.Seed, r.Size)
	wait, cancel := context.WithTimeout(ctx, l.Wait+time.Minute)
	defer cancel()
	p := nodes[rng.IntN(len(nodes))]
	a, err := p.Do(wait, r)
	switch {
	case err == nil && a.Err == "":
		l.Ledger.Acked(r, name)
		l.mu.Lock()
		l.acked = append(l.acked, time.Now())
		l.mu.Unlock()
	case err == nil && strings.Contains(a.Err, cachefs.ErrUnknownOutcome.Error()): // or taken for dead in the middle of it
		l.Ledger.Open(r, name)
	case err == nil && (strings.Contains(a.Err, "lease lost") || strings.Contains(a.Err, cachefs.ErrNoSpace.Error())): // it was stopped, and taken for dead; its disk is full
		l.Ledger.Refused()
	case err == nil && !a.Timeout && !strings.Contains(a.Err, "closed"): // or else its node shuts down
		l.fail(fmt.Errorf("%s %s: %s", r.Op, r.Path, a.Err))
	case err != nil && !errors.Is(err, ErrDied):
		p.Dump()
		l.fail(fmt.Errorf("%s %s: no answer by %s for a minute after its end: %w", r.Op, r.Path, p.Name, err))
	default:
		l.Ledger.Open(r, name)
	}
}

func (l *Load) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed == nil {
		l.failed = err
	}
}

// StoreDir is where worker w has files that the store has when they are acknowledged.
func StoreDir(w int) string { return fmt.Sprintf("%s%d", places[2].dir, w) }

// places are where workers write, and how.
var places = []struct {
	dir   string
	types []cachefs.WriteType
}{
	{"/w", []cachefs.WriteType{cachefs.MustCache}},
	{"/m/w", []cachefs.WriteType{cachefs.MustCache, cachefs.AsyncThrough}},
	{"/m/t", []cachefs.WriteType{cachefs.CacheThrough, cachefs.Through}},
}

// next chooses a change in the worker's own directory. Names are never used again, since a change that was given up may
// still come.
func (l *Load) next(w, i int, rng *rand.Rand) Request {
	place := places[rng.IntN(len(places))]
	dir := fmt.Sprintf("%s%d", place.dir, w)
	fresh := fmt.Sprintf("%s/f%d", dir, i)
	r := Request{Op: "put", Path: fresh, Seed: rng.Uint32(), Size: rng.IntN(200_000), Type: int(place.types[rng.IntN(len(place.types))])}
	have := l.Ledger.Settled(dir)
	if len(have) == 0 || rng.IntN(2) == 0 && len(have) < 30 {
		return r
	}
	old := have[rng.IntN(len(have))]
	switch rng.IntN(4) {
	case 0:
		r.Op, r.Path = "app", old
		return r
	case 1:
		return Request{Op: "mv", Path: old, To: fresh}
	default:
		return Request{Op: "rm", Path: old}
	}
}

// Gap is the longest time without an acknowledgement that reaches into [from, to].
func (l *Load) Gap(from, to time.Time) (longest time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	slices.SortFunc(l.acked, func(a, b time.Time) int { return a.Compare(b) })
	for i := 1; i < len(l.acked); i++ {
		if before, after := l.acked[i-1], l.acked[i]; after.After(from) && before.Before(to) {
			longest = max(longest, after.Sub(before))
		}
	}
	return longest
}
