// Package jitter is the wait between one attempt and the next: of random length, so that those who failed together do not come back
// together (M. Brooker, Exponential Backoff And Jitter, 2015, "full jitter").
package jitter

import (
	"context"
	"math/rand/v2"
	"time"
)

// Delay is how long to wait after n attempts, 1 or more: up to base after the first, twice as much after each further one, most at most.
func Delay(n int, base, most time.Duration) time.Duration {
	ceiling := most
	if shift := n - 1; shift < 30 && base < most>>shift {
		ceiling = base << shift
	}
	return rand.N(ceiling + 1)
}

// Wait waits for d, or returns why ctx ended before.
func Wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
