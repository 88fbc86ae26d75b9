//go:build unix

package main

import (
	"syscall"
	"time"
)

// processCPU is the user and system time of this process so far: what a neighbour on the machine
// cannot stretch.
func processCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
