package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

// residentNow is this process's resident memory in bytes, 0 where the system does not tell.
func residentNow() int64 { return memoryOf("VmRSS") }

// memoryOf is a line of /proc/self/status in bytes, 0 where there is none.
func memoryOf(name string) int64 {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return 0
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if rest, ok := strings.CutPrefix(s.Text(), name+":"); ok {
			var kib int64
			fmt.Sscan(rest, &kib)
			return kib * kiB
		}
	}
	return 0
}
