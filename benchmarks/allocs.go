package main

import "runtime"

// allocsPer is the mean number of heap allocations of an operation of s.
func allocsPer(n int, s side) (float64, error) {
	if err := s(n); err != nil { // what is allocated once is not counted
		return 0, err
	}
	var a, b runtime.MemStats
	runtime.ReadMemStats(&a)
	err := s(n)
	runtime.ReadMemStats(&b)
	return float64((b.Mallocs - a.Mallocs) / uint64(n)), err
}
