//go:build linux && !race

package offheap

import "golang.org/x/sys/unix"

// hugeFrom is where huge pages pay: smaller mappings would take 2 MiB for what may stay nearly empty.
const hugeFrom = 4 << 20

func advise(b []byte) {
	if len(b) >= hugeFrom {
		_ = unix.Madvise(b, unix.MADV_HUGEPAGE) // a kernel without them works as well, slower
	}
}
