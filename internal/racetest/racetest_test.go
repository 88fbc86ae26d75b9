package racetest_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/millpond/millpond/internal/racetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFewer(t *testing.T) {
	all := 11
	if racetest.On {
		all = 2
	}
	require.Equal(t, all, racetest.Fewer(11))
	require.Equal(t, 1, racetest.Fewer(1))
}

func TestSkip(t *testing.T) {
	t.Run("one goroutine", func(t *testing.T) {
		racetest.Skip(t)
		require.False(t, racetest.On)
	})
}
