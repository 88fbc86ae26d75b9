package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestServerEtl runs the job in a bucket of a real server, whose directory the environment tells: a directory in it is a
// bucket.
func TestServerEtl(t *testing.T) {
	endpoint, data := os.Getenv("MILLPOND_S3_ENDPOINT"), os.Getenv("MILLPOND_S3_DATA")
	if endpoint == "" || data == "" {
		t.Skip("no MILLPOND_S3_ENDPOINT in the environment: make test-servers starts a server and sets it")
	}
	bucket := fmt.Sprintf("etl-%08x", rand.Uint32())
	require.NoError(t, os.Mkdir(filepath.Join(data, bucket), 0o755))
	place := func(prefix string) string { return "s3://" + bucket + "/" + prefix + "?endpoint=" + endpoint }
	var stdout, stderr bytes.Buffer
	require.Zero(t, run(t.Context(), []string{"-generate", "120000", "-memory", "8", place("in"), place("out")}, &stdout, &stderr), stderr.String())
	require.Regexp(t, `(?m)^transform .* calls to the input   0, .* \d+\.\d MB shuffled, ([1-9]\d*\.\d|0\.[1-9]) MB of it on disk$`, stdout.String())
	require.Contains(t, stdout.String(), "30 files are what plain reads of the input give")
}

func TestBadArguments(t *testing.T) {
	for _, args := range [][]string{{}, {"a"}, {"a", "b", "c"}, {"-workers", "0", "a", "b"}, {"-generate", "-1", "a", "b"}, {"-colour"}} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, 2, run(t.Context(), args, &stdout, &stderr), "%q", args)
		require.Regexp(t, `^etl: .* \(-help shows how\)\n$`, stderr.String(), "said once")
		require.Empty(t, stdout.String())
	}
}

func TestHelp(t *testing.T) {
	var stdout, stderr bytes.Buffer
	require.Zero(t, run(t.Context(), []string{"-help"}, &stdout, &stderr))
	require.Contains(t, stdout.String(), "Usage: etl")
	require.Contains(t, stdout.String(), "-generate")
	require.Empty(t, stderr.String())
}

// A directory is made by who knows where it belongs, as a bucket is: a slip in a path is not to become one.
func TestMissingDirectory(t *testing.T) {
	in, missing := t.TempDir(), filepath.Join(t.TempDir(), "missing")
	for _, places := range [][]string{{"file://" + missing, "file://" + in}, {"file://" + in, "file://" + missing}} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, 1, run(t.Context(), append([]string{"-generate", "10"}, places...), &stdout, &stderr))
		require.Contains(t, stderr.String(), missing)
		require.Contains(t, stderr.String(), "the directory has to be made first")
		require.NoDirExists(t, missing)
	}
}

func TestDirectories(t *testing.T) {
	in, out := t.TempDir(), t.TempDir()
	var stdout, stderr bytes.Buffer
	require.Zero(t, run(t.Context(), []string{"-generate", "1000", "-memory", "8", "file://" + in, "file://" + out}, &stdout, &stderr), stderr.String())
	files, err := filepath.Glob(filepath.Join(out, "day=2026-11-*", "orders.csv"))
	require.NoError(t, err)
	require.Len(t, files, 30)
	require.Equal(t, 1, run(t.Context(), []string{"file://" + in, "file://" + out}, &stdout, &stderr))
	require.Contains(t, stderr.String(), "give a place that is empty", "a second run does not write among the files of the first")
}
