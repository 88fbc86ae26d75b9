// Package tail says when an answer is late, and how many late ones may be asked for a second time. (J. Dean, L. A. Barroso,
// The Tail at Scale, 2013.)
//
// # Model
//
// [Delays] remember how long the latest answers took. Who waits longer than their p95 may ask a second time and take what
// comes first, if a [Budget] pays for it: one request more for each 20, so that what is slow for all does not get twice the load.
//
// # Concurrency
//
// Any number of goroutines; no locks.
package tail
