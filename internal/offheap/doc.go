// Package offheap gives out memory that the garbage collector neither scans nor counts.
//
// # Model
//
// Make returns a zeroed slice of a pointer-free type, Free gives it back. On Unix it is an anonymous private mapping of
// whole pages, of which only those that were written to take memory. Elsewhere, and under the race detector, which sees
// only the Go heap, it is an ordinary slice.
//
// # Concurrency
//
// Any goroutines. A slice must not be used after its Free.
package offheap
