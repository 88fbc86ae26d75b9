package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"time"
)

// A goal is one promise of speed: it runs us and what we are compared with and reports lines.
type goal struct {
	id   float64 // its number; lines beside the numbered goals have 100 and above
	name string
	run  func(*report) error
}

// report collects the lines of one run.
type report struct {
	w      io.Writer
	id     float64
	rounds int
	short  int
	dir    string // scratch, on a real disk
	shared int64  // bytes of the file that several nodes read
}

// bound says which side of a wanted ratio is good.
type bound struct {
	want float64
	most bool // the ratio may be at most want
}

func atLeast(r float64) bound { return bound{want: r} }
func atMost(r float64) bound  { return bound{want: r, most: true} }

func (b bound) String() string {
	if b.most {
		return fmt.Sprintf("<=%g", b.want)
	}
	return fmt.Sprintf(">=%g", b.want)
}

func (b bound) ok(ratio float64) bool {
	if b.most {
		return ratio <= b.want
	}
	return ratio >= b.want
}

// cost is what one round of work took, for each operation.
type cost struct {
	wall, cpu time.Duration
	n         int
}

func (c cost) each(cpu bool) float64 {
	d := c.wall
	if cpu {
		d = c.cpu
	}
	return float64(d) / float64(max(c.n, 1))
}

// timed runs f, which does n operations, and says what it took.
func timed(n int, f func() error) (cost, error) {
	c0, t0 := processCPU(), time.Now()
	err := f()
	return cost{wall: time.Since(t0), cpu: processCPU() - c0, n: n}, err
}

// A side is one of the two that are compared: it does about n operations and returns.
type side func(n int) error

// calibrate finds how many operations fill about 50 ms, so that a round is long beside a timer tick
// and short beside a neighbour's burst.
func calibrate(s side) (int, error) {
	for n := 1; ; n *= 4 {
		c, err := timed(n, func() error { return s(n) })
		if err != nil {
			return 0, err
		}
		if c.wall > 20*time.Millisecond || n > 1<<26 {
			return max(1, int(float64(n)*50e6/float64(max(c.wall, 1)))), nil
		}
	}
}

// compare interleaves ours and theirs, at least five rounds, alternating who goes first, and prints
// the median of the rounds' ratios. speed: the ratio is theirs/ours in time (how many times as fast
// as they are); otherwise ours/theirs (how many times as much time).
func (r *report) compare(name string, b bound, speed, cpu bool, ours, theirs side) error {
	no, err := calibrate(ours)
	if err != nil {
		return fmt.Errorf("%s: ours: %w", name, err)
	}
	nt, err := calibrate(theirs)
	if err != nil {
		return fmt.Errorf("%s: theirs: %w", name, err)
	}
	return r.interleave(name, b, speed, cpu, func() error { return nil }, ours, no, theirs, nt)
}

// compareFresh compares the time of single operations, before each of which ours is made fresh, outside of its time.
func (r *report) compareFresh(name string, b bound, fresh func() error, ours, theirs side) error {
	for _, warm := range []func() error{fresh, func() error { return ours(1) }, func() error { return theirs(1) }} {
		if err := warm(); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return r.interleave(name, b, true, false, fresh, ours, 1, theirs, 1)
}

// interleave does rounds of no and nt operations.
func (r *report) interleave(name string, b bound, speed, cpu bool, fresh func() error, ours side, no int, theirs side, nt int) error {
	var o, t, ratios []float64
	for i := range r.rounds {
		var a, c cost
		run := func() (err error) {
			if err = fresh(); err == nil {
				a, err = timed(no, func() error { return ours(no) })
			}
			return err
		}
		other := func() (err error) { c, err = timed(nt, func() error { return theirs(nt) }); return err }
		first, second := run, other
		if i%2 == 1 {
			first, second = other, run
		}
		if err := first(); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := second(); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		o, t = append(o, a.each(cpu)), append(t, c.each(cpu))
		ratio := a.each(cpu) / c.each(cpu)
		if speed {
			ratio = 1 / ratio
		}
		ratios = append(ratios, ratio)
	}
	r.line(name, nanos(median(o)), nanos(median(t)), b, ratios...)
	return nil
}

// line prints one result: the median of the rounds is judged, the extremes stand beside it.
func (r *report) line(name, ours, theirs string, b bound, rounds ...float64) {
	m, verdict := median(rounds), "ok"
	if math.IsNaN(m) || !b.ok(m) {
		verdict = "SHORT"
		r.short++
	}
	id := fmt.Sprintf("%g", r.id)
	if r.id >= 100 {
		id = "-"
	}
	fmt.Fprintf(r.w, "%-4s %-52s %12s %12s %9.3f %8s %-5s [%.3f..%.3f]\n",
		id, name, ours, theirs, m, b, verdict, slices.Min(rounds), slices.Max(rounds))
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return math.NaN()
	}
	s := slices.Sorted(slices.Values(v))
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}

// nanos prints nanoseconds an operation in the unit a person would choose.
func nanos(ns float64) string {
	switch {
	case ns < 1e3:
		return fmt.Sprintf("%.1fns", ns)
	case ns < 1e6:
		return fmt.Sprintf("%.2fus", ns/1e3)
	case ns < 1e9:
		return fmt.Sprintf("%.2fms", ns/1e6)
	}
	return fmt.Sprintf("%.2fs", ns/1e9)
}
