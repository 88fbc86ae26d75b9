//go:build !unix

package main

import "time"

var started = time.Now()

// processCPU stands in with wall time where getrusage is missing.
func processCPU() time.Duration { return time.Since(started) }
