//go:build !linux

package tier

// MachineMemory is the memory that this process may use, in bytes. 0: unknown, as here.
func MachineMemory() int64 { return 0 }
