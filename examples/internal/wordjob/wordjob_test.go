package wordjob_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/millpond/millpond/examples/internal/wordjob"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestPlainReadsThatDiffer: the job fails, and names the word.
func TestPlainReadsThatDiffer(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "f"), []byte("a b b"), 0o600))
	for plain, say := range map[string]string{"a b b": "", "a b b b": `"b": 2, want 3`, "a b b c": `"c": 0, want 1`, "a": `"b": 2, want 0`} {
		err := wordjob.Run(t.Context(), wordjob.Options{
			Name: "test", URL: wordjob.FileURL(dir), Cache: t.TempDir(), Out: t.TempDir(), Memory: 8 << 20, Disk: 8 << 20, Workers: 1,
			Plain: func(_ context.Context, file func(text []byte)) error { file([]byte(plain)); return nil },
		}, io.Discard, io.Discard)
		if say == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, say)
		}
	}
}
