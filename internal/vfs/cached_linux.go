package vfs

import (
	"os"

	"golang.org/x/sys/unix"
)

// InPageCache reports whether n bytes of f from off on are in the system's page cache, so that a read of them waits for no disk; but a page may
// leave before it, or be on its way from the disk. false where that is not known: before Linux 6.5, elsewhere, of other disks' files, of a closed one.
// Beyond a file's end there is at most the rest of its last page.
func InPageCache(f File, off, n int64) bool {
	file, ok := OSFile(f)
	if !ok || off < 0 || n <= 0 {
		return false
	}
	want := unix.CachestatRange{Off: uint64(off), Len: uint64(n)}
	var have unix.Cachestat_t
	err := control(file, func(fd uintptr) error { return unix.Cachestat(uint(fd), &want, &have, 0) })
	page := int64(os.Getpagesize())
	return err == nil && int64(have.Cache) > (off+n-1)/page-off/page
}
