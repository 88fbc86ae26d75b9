package offheap_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/millpond/millpond/internal/offheap"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMakeIsZeroedAndWritable(t *testing.T) {
	for _, n := range []int{0, 1, 7, 4096, 1 << 20} {
		s := offheap.Make[uint64](n)
		require.Len(t, s, n)
		for i := range s {
			require.Zero(t, s[i])
			s[i] = uint64(i) * 3
		}
		for i := range s {
			require.Equal(t, uint64(i)*3, s[i])
		}
		offheap.Free(s)
	}
}

// TestNothingOnTheHeap: no value of a large type is made to learn its size.
func TestNothingOnTheHeap(t *testing.T) {
	type large [1 << 20]byte
	allocated := testing.AllocsPerRun(10, func() { offheap.Free(offheap.Make[large](1)) })
	require.LessOrEqual(t, allocated, 1.0, "the one is the memory itself, where it is of the heap")
}

func ExampleMake() {
	s := offheap.Make[int32](3)
	defer offheap.Free(s)
	s[1] = 5
	fmt.Println(s)
	// Output: [0 5 0]
}
