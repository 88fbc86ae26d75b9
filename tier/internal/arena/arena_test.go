package arena_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/millpond/millpond/tier/internal/arena"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPiecesDoNotOverlap(t *testing.T) {
	a, err := arena.New(8 << 20)
	require.NoError(t, err)
	defer a.Close()
	rng := rand.New(rand.NewPCG(1, 1))
	type piece struct {
		e    arena.Extent
		mark byte
	}
	var live []piece
	for range 20_000 {
		if rng.IntN(2) == 0 || len(live) == 0 {
			n := 1 + int(math.Exp(rng.Float64()*13))
			e, err := a.Alloc(n)
			if err != nil {
				require.ErrorIs(t, err, arena.ErrFull)
				continue
			}
			p := piece{e, byte(rng.IntN(256))}
			b := a.Bytes(e)
			require.NotEmpty(t, b)
			if rng.IntN(3) == 0 {
				e = a.Trim(e, 1+rng.IntN(len(b)))
				p.e, b = e, a.Bytes(e)
			}
			for i := range b {
				b[i] = p.mark
			}
			live = append(live, p)
			continue
		}
		i := rng.IntN(len(live))
		for _, c := range a.Bytes(live[i].e) {
			if c != live[i].mark {
				t.Fatalf("a piece holds %#x, not %#x: pieces overlap", c, live[i].mark)
			}
		}
		a.Release(live[i].e)
		live[i] = live[len(live)-1]
		live = live[:len(live)-1]
	}
	for _, p := range live {
		a.Release(p.e)
	}
	require.Equal(t, a.Size(), a.Free(), "all came back")
	e, err := a.Alloc(int(a.Size()))
	require.NoError(t, err)
	require.EqualValues(t, a.Size(), e.Len(), "and was joined to one run")
}

func TestCrumbsAreOfUse(t *testing.T) {
	a, err := arena.New(1 << 20)
	require.NoError(t, err)
	defer a.Close()
	var all []arena.Extent
	for {
		e, err := a.Alloc(32 << 10)
		if err != nil {
			break
		}
		all = append(all, e)
	}
	for i := 0; i < len(all); i += 2 {
		a.Release(all[i])
	}
	got := 0
	for got < 512<<10 {
		e, err := a.Alloc(512<<10 - got)
		require.NoError(t, err, "after %d bytes", got)
		got += e.Len()
	}
	require.EqualValues(t, 0, a.Free())
}

func BenchmarkAllocRelease(b *testing.B) {
	a, err := arena.New(64 << 20)
	require.NoError(b, err)
	defer a.Close()
	b.ReportAllocs()
	for b.Loop() {
		e, err := a.Alloc(256 << 10)
		if err != nil {
			b.Fatal(err)
		}
		a.Release(e)
	}
}
