package tail_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/millpond/millpond/internal/tail"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestP95(t *testing.T) {
	d := tail.NewDelays(64, 16)
	for i := range 15 {
		d.Observe(time.Duration(i))
		require.Zero(t, d.P95(), "after %d", i+1)
	}
	d.Observe(15)
	require.EqualValues(t, 15, d.P95(), "of 16 the last: 15 are 94 %")
	for i := range 64 {
		d.Observe(time.Duration(1000 + 63 - i))
	}
	require.EqualValues(t, 1060, d.P95(), "3 of the latest 64 took longer")
}

// TestOneAnswer: who wants a guess after the first answer has it.
func TestOneAnswer(t *testing.T) {
	d := tail.NewDelays(64, 1)
	d.Observe(0)
	require.Positive(t, d.P95(), "known, though nothing")
	d.Observe(7)
	require.EqualValues(t, 7, d.P95())
}

func TestBudget(t *testing.T) {
	var b tail.Budget
	spent := func() (n int) {
		for b.Spend() {
			n++
		}
		return n
	}
	require.Zero(t, spent())
	for range 19 {
		b.Earn()
	}
	require.Zero(t, spent())
	b.Earn()
	require.Equal(t, 1, spent())
	for range 10_000 {
		b.Earn()
	}
	require.Equal(t, 10, spent(), "what a quiet hour leaves")
}
