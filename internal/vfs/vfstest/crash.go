// Package vfstest crashes a workload after each of its disk operations, and drops files from the page cache.
package vfstest

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/millpond/millpond/internal/vfs"
)

// ErrCrashed is what every operation returns once the disk has lost its power.
var ErrCrashed = errors.New("the power is gone")

// Options bound a CrashEach.
type Options struct {
	Seeds  int // survivals tried at each crash point. Default 3, one of which keeps nothing that was not synced
	Points int // crash points at most, spread evenly. Default all

	// From and To are acknowledgements: only operations between the two are crash points, and one behind To. Default:
	// the work's beginning and end.
	From, To string
}

// CrashEach runs work once to count its mutating disk operations, then once for each of them with the power lost just
// before it, and hands what the disk kept to verify. work gets an acknowledger: what it calls ack with before the power
// is lost is what verify may insist on. work must end when operations fail with ErrCrashed.
func CrashEach(t *testing.T, o Options, work func(fsys vfs.FS, ack func(string)), verify func(t *testing.T, disk *vfs.Mem, acked []string)) {
	t.Helper()
	seeds := max(o.Seeds, 0)
	if seeds == 0 {
		seeds = 3
	}
	total := runUntil(work, -1, nil)
	if total.ops == 0 {
		t.Fatal("the workload does not touch the disk")
	}
	from, to := total.at(o.From, 0), total.at(o.To, total.ops)
	step := 1
	if o.Points > 0 {
		step = max(1, (to-from+o.Points-1)/o.Points)
	}
	for at := from; at <= to; at += step {
		for seed := range seeds {
			var disk *vfs.Mem
			r := runUntil(work, at, func(m *vfs.Mem) {
				if seed == 0 {
					disk = m.CrashKeepingNothing()
				} else {
					disk = m.Crash(rand.New(rand.NewPCG(uint64(at), uint64(seed))))
				}
			})
			verify(t, disk, r.acked)
			if t.Failed() {
				t.Fatalf("lost power before mutating operation %d of %d, survival %d; acknowledged: %q", at, total.ops, seed, r.acked)
			}
		}
	}
}
