package progress_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/millpond/millpond/examples/internal/progress"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestBar(t *testing.T) {
	require.Equal(t, "[....]", progress.Bar(0, 8, 4))
	require.Equal(t, "[##..]", progress.Bar(5, 8, 4))
	require.Equal(t, "[####]", progress.Bar(8, 8, 4))
	require.Equal(t, "[####]", progress.Bar(0, 0, 4), "nothing to do is done")
}

func TestLineIsForTerminals(t *testing.T) {
	var b bytes.Buffer
	progress.Line(&b, func() string { return "much" })()
	require.Empty(t, b.String())
}
