package fileufs

import (
	"os"
	"time"
)

const (
	// staleLocked is the age of a temporary file that nobody has locked: more than between its creation and its lock,
	// or its last byte and its rename.
	staleLocked = 10 * time.Minute
	// staleUnlocked is that where there are no locks: more than any writer waits between two writes.
	staleUnlocked = 24 * time.Hour
)

// sweep removes a temporary file that a crash left, and reports whether it did.
func sweep(r *os.Root, temp string) bool {
	fi, err := r.Lstat(temp)
	if err != nil || !fi.Mode().IsRegular() {
		return false
	}
	age := time.Since(fi.ModTime())
	if age < staleLocked {
		return false
	}
	f, err := r.OpenFile(temp, os.O_WRONLY|nonBlock, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	switch lock(f) {
	case lockHeld:
		return false
	case lockUnknown:
		if age < staleUnlocked {
			return false
		}
	}
	return r.Remove(temp) == nil
}

// lockState is what came of trying to lock a file.
type lockState int

const (
	lockOurs    lockState = iota
	lockHeld              // by another
	lockUnknown           // there are no locks here
)
