//go:build unix && !race

package offheap

import (
	"fmt"

	"golang.org/x/sys/unix"
)

func alloc(size int) []byte {
	b, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		panic(fmt.Sprintf("offheap: mapping %d bytes: %v", size, err))
	}
	advise(b)
	return b
}

func release(b []byte) {
	if err := unix.Munmap(b); err != nil {
		panic(fmt.Sprintf("offheap: unmapping %d bytes: %v", len(b), err)) // not what Make returned
	}
}
