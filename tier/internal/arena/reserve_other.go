//go:build !linux || race

package arena

// reserve takes the memory from the Go heap, as one object without pointers: where mmap is missing, and under the race
// detector, which sees only that.
func reserve(n int) ([]byte, func() error, error) {
	return make([]byte, n), func() error { return nil }, nil
}

// discard leaves the memory to the collector.
func discard([]byte) {}
