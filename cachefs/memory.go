package cachefs

import "github.com/millpond/millpond/tier"

// defaultMemory is the memory tier of a Config without tiers.
func defaultMemory(blockSize int64) int64 {
	return max(blockSize, min(maxDefaultMemory, tier.MachineMemory()/8))
}
