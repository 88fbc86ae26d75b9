package wordjob

import (
	"errors"
	"fmt"
)

// mostMiB is 1 PiB: what is above it is a slip, and near what an int64 counts in bytes.
const mostMiB = 1 << 30

// CheckSizes says what is wrong with the flags that the examples share: workers, and tiers in MiB.
func CheckSizes(workers, memory, disk int) error {
	var bad []error
	if workers < 1 {
		bad = append(bad, fmt.Errorf("-workers is %d; want at least 1", workers))
	}
	for _, f := range []struct {
		name string
		mib  int
	}{{"-memory", memory}, {"-disk", disk}} {
		if f.mib < 8 || f.mib > mostMiB { // a block is 4 MiB, and an index lies beside it
			bad = append(bad, fmt.Errorf("%s is %d; want 8 to %d MiB", f.name, f.mib, mostMiB))
		}
	}
	return errors.Join(bad...)
}
