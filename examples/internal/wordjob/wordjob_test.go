package wordjob_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
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

// TestTopTen: the ten most frequent words are on the screen, all of them in the file.
func TestTopTen(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	var text strings.Builder
	for i := range 12 {
		text.WriteString(strings.Repeat(fmt.Sprintf("word%02d ", i), 50-i))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "f"), []byte(text.String()), 0o600))
	var screen bytes.Buffer
	require.NoError(t, wordjob.Run(t.Context(), wordjob.Options{
		Name: "test", URL: wordjob.FileURL(dir), Cache: t.TempDir(), Out: out, Memory: 8 << 20, Disk: 8 << 20, Workers: 2,
		Plain: func(_ context.Context, file func(text []byte)) error { file([]byte(text.String())); return nil },
	}, &screen, io.Discard))
	counts, err := os.ReadFile(filepath.Join(out, "counts.txt"))
	require.NoError(t, err)
	for i := range 12 {
		line := fmt.Sprintf("%9d word%02d\n", 50-i, i)
		require.Contains(t, string(counts), line)
		require.Equal(t, i < 10, strings.Contains(screen.String(), line), "%q on the screen", line)
	}
}

// TestOutputThatDiffers: the error names the line.
func TestOutputThatDiffers(t *testing.T) {
	for got, say := range map[string]string{"a\nb\n": "", "a\nc\n": `line 2 of 3 is "c"; want "b", of 3`, "": `line 1 of 1 is ""; want "a", of 3`, "a\nb\nc\n": `line 3 of 4 is "c"; want "", of 3`} {
		if err := wordjob.DifferInLines("a\nb\n", got); say == "" {
			require.NoError(t, err)
		} else {
			require.EqualError(t, err, say)
		}
	}
}

// TestDigest: a digest is of all that was added, also after one was asked for.
func TestDigest(t *testing.T) {
	var a, b wordjob.Count
	a.Add([]byte("one two"))
	first := a.Digest()
	require.Equal(t, first, a.Digest())
	a.Add([]byte("two"))
	b.Add([]byte("two two one"))
	require.Equal(t, b.Digest(), a.Digest())
	require.NotEqual(t, first, a.Digest())
}
