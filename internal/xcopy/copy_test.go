package xcopy_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/millpond/millpond/internal/xcopy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCopy(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	src := make([]byte, 3<<20)
	for i := range src {
		src[i] = byte(rng.Uint32())
	}
	dst := make([]byte, len(src)+64)
	for range 300 {
		n, from, to := rng.IntN(1<<uint(1+rng.IntN(20))), rng.IntN(1<<20), rng.IntN(64)
		clear(dst)
		require.Equal(t, n, xcopy.Copy(dst[to:to+n], src[from:from+n]))
		require.Equal(t, src[from:from+n], dst[to:to+n])
		for _, b := range dst[to+n : to+n+32] {
			require.Zero(t, b, "wrote past the end")
		}
	}
	require.Equal(t, 5, xcopy.Copy(dst[:5], src[:9]))
	require.Equal(t, 5, xcopy.Copy(dst[:9], src[:5]))
}

func BenchmarkCopy(b *testing.B) {
	src, dst := make([]byte, 256<<20), make([]byte, 1<<20)
	for i := 0; i < len(src); i += 4096 {
		src[i] = 1
	}
	for _, n := range []int{4 << 10, 64 << 10, 1 << 20} {
		for _, c := range []struct {
			name string
			f    func(dst, src []byte) int
		}{{"ours", xcopy.Copy}, {"go", func(d, s []byte) int { return copy(d, s) }}} {
			b.Run(fmt.Sprintf("%dKiB/%s", n>>10, c.name), func(b *testing.B) {
				b.SetBytes(int64(n))
				at := 0
				for b.Loop() {
					c.f(dst[:n], src[at:at+n])
					if at += n; at+n > len(src) {
						at = 0
					}
				}
			})
		}
	}
}
