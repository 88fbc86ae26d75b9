// Package racetest says what tests leave to their run without the race detector, under which all takes ten times as long and
// memory several times as much. `make test` runs them both ways.
package racetest

import "testing"

// Fewer is n, and under the race detector a tenth of it: of rounds of which some are enough to see what runs beside what.
func Fewer(n int) int { return (n + Divisor - 1) / Divisor }

// Skip skips a test of one goroutine under the race detector, which has nothing to see there.
func Skip(t testing.TB) {
	t.Helper()
	if On {
		t.Skip("one goroutine, and slow: runs without the race detector")
	}
}
