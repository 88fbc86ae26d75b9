//go:build race

package racetest

// On says that the race detector is on.
const On = true

// Divisor is by how much that makes rounds fewer.
const Divisor = 10
