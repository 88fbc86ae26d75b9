// Package xcopy copies large pieces of memory at the speed of the processor's string instruction.
//
// On processors with fast string operations (ERMS) one "rep movsb" moves 1 MiB at 31
// GB/s where Go's copy reaches 20: it does not read the lines that it overwrites. Below [least] bytes, elsewhere, and
// under the race detector (which must see the accesses) it is copy.
package xcopy

// Copy is copy(dst, src) for slices that do not overlap.
func Copy(dst, src []byte) int { return copyFast(dst, src) }
