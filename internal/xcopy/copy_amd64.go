//go:build amd64 && !race

package xcopy

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

// least is where the instruction begins to win: its start costs some 30 ns.
const least = 16 << 10

var fast = cpu.X86.HasERMS

// repmovsb copies n bytes, which must not overlap.
//
//go:noescape
func repmovsb(dst, src unsafe.Pointer, n uintptr)

func copyFast(dst, src []byte) int {
	n := min(len(dst), len(src))
	if n < least || !fast {
		return copy(dst, src)
	}
	repmovsb(unsafe.Pointer(unsafe.SliceData(dst)), unsafe.Pointer(unsafe.SliceData(src)), uintptr(n))
	return n
}
