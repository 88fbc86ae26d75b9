// Package redtest runs what should fail a test, and tells how it ended: for the tests of suites that hold others to
// their promises.
package redtest

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
)

// recorder is a testing.TB whose failures are nobody's: it remembers them.
type recorder struct {
	testing.TB
	ctx context.Context
	mu  struct {
		sync.Mutex
		failed, skipped bool
		said            []string
		cleanups        []func()
	}
}

// Record runs f as a test's goroutine runs a test, its cleanups too, and reports how it ended and what it said.
func Record(t testing.TB, f func(tb testing.TB)) (failed, skipped bool, said []string) {
	ctx, cancel := context.WithCancel(t.Context())
	r := &recorder{TB: t, ctx: ctx}
	var wg sync.WaitGroup
	wg.Go(func() { f(r) }) // FailNow ends the goroutine
	wg.Wait()
	cancel() // as a test's context ends: just before its cleanups
	for _, c := range slices.Backward(r.mu.cleanups) {
		c()
	}
	return r.mu.failed, r.mu.skipped, r.mu.said
}

func (r *recorder) note(failed, skipped bool, said string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.failed = r.mu.failed || failed
	r.mu.skipped = r.mu.skipped || skipped
	r.mu.said = append(r.mu.said, said)
}

func (r *recorder) Helper()                         {}
func (r *recorder) Log(args ...any)                 {}
func (r *recorder) Logf(format string, args ...any) {}
func (r *recorder) Fail()                           { r.note(true, false, "") }
func (r *recorder) FailNow()                        { r.note(true, false, ""); runtime.Goexit() }
func (r *recorder) Error(args ...any)               { r.note(true, false, fmt.Sprint(args...)) }
func (r *recorder) Errorf(f string, args ...any)    { r.note(true, false, fmt.Sprintf(f, args...)) }
func (r *recorder) Fatal(args ...any)               { r.Error(args...); runtime.Goexit() }
func (r *recorder) Fatalf(f string, args ...any)    { r.Errorf(f, args...); runtime.Goexit() }
func (r *recorder) Skip(args ...any)                { r.note(false, true, fmt.Sprint(args...)); runtime.Goexit() }
func (r *recorder) SkipNow()                        { r.Skip() }
func (r *recorder) Context() context.Context        { return r.ctx }
func (r *recorder) Failed() bool                    { r.mu.Lock(); defer r.mu.Unlock(); return r.mu.failed }
func (r *recorder) Cleanup(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.cleanups = append(r.mu.cleanups, f)
}
