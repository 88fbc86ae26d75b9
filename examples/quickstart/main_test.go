package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func tree(t *testing.T) string {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.txt": "the mill the pond", "empty": "", "deep/er/b.txt": strings.Repeat("water ", 50_000), "deep/c_d.txt": "the_mill 42 the",
	} {
		p := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(p), 0o755))
		require.NoError(t, os.WriteFile(p, []byte(text), 0o644))
	}
	return dir
}

func TestCountsThreeTimes(t *testing.T) {
	out := t.TempDir()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{"-cache", t.TempDir(), "-out", out, "-memory", "8", "-disk", "8", tree(t)}, &stdout, &stderr)
	require.Equal(t, 0, code, stderr.String())
	for _, want := range []string{"cold", "warm", "reopened", "50000 water", "3 the", "open 3", "none"} {
		require.Contains(t, stdout.String(), want)
	}
	counts, err := os.ReadFile(filepath.Join(out, "counts.txt"))
	require.NoError(t, err)
	require.Equal(t, "    50000 water\n        3 the\n        1 42\n        1 mill\n        1 pond\n        1 the_mill\n", string(counts))
}

func TestBadArguments(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, c := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"unknown flag", []string{"-colour"}, 2, "quickstart: flag provided but not defined: -colour (-help shows the flags)\n"},
		{"two directories", []string{"a", "b"}, 2, "one directory at most"},
		{"a URL", []string{"s3://bucket/x"}, 2, "examples/bucket counts what a URL names"},
		{"missing directory", []string{filepath.Join(file + "nowhere")}, 2, "no directory"},
		{"file", []string{file}, 2, "is a file"},
		{"no workers", []string{"-workers", "0", "."}, 2, "quickstart: -workers is 0; want at least 1\n"},
		{"a disk that no int64 counts", []string{"-disk", "99999999999999", "."}, 2, "-disk is 99999999999999; want 8 to 1073741824 MiB"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			require.Equal(t, c.code, run(t.Context(), c.args, &stdout, &stderr))
			require.Contains(t, stderr.String(), c.want)
			require.Empty(t, stdout.String())
		})
	}
}

func TestHelp(t *testing.T) {
	var stdout, stderr bytes.Buffer
	require.Equal(t, 0, run(t.Context(), []string{"-help"}, &stdout, &stderr))
	require.Contains(t, stdout.String(), "Usage: quickstart")
	require.Contains(t, stdout.String(), "-workers")
	require.Empty(t, stderr.String())
}

// A cache that was filled from one directory says so when it is given for another, and keeps what it has.
func TestCacheOfAnotherDirectory(t *testing.T) {
	cache, out, first := t.TempDir(), t.TempDir(), tree(t)
	for i, dir := range []string{first, t.TempDir(), first} {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), []string{"-cache", cache, "-out", out, "-memory", "8", "-disk", "8", dir}, &stdout, &stderr)
		if i != 1 {
			require.Equal(t, 0, code, stderr.String())
			continue
		}
		require.Equal(t, 1, code)
		require.Contains(t, stderr.String(), "give another -cache")
	}
}

// What fails leaves no temporary directory.
func TestFailureLeavesNothing(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	var stdout, stderr bytes.Buffer
	require.Equal(t, 1, run(t.Context(), []string{"-memory", "999999999", tree(t)}, &stdout, &stderr))
	require.Contains(t, stderr.String(), "at most what the machine or its cgroup has")
	left, err := os.ReadDir(tmp)
	require.NoError(t, err)
	require.Empty(t, left)
}

// A cache or a result inside of what is counted would be counted, too: it is refused, and nothing is made there.
func TestCacheInsideTheInput(t *testing.T) {
	for _, flag := range []string{"-cache", "-out"} {
		dir := tree(t)
		var stdout, stderr bytes.Buffer
		require.Equal(t, 2, run(t.Context(), []string{flag, filepath.Join(dir, "deep", "new"), dir}, &stdout, &stderr))
		require.Contains(t, stderr.String(), flag+" is inside of "+dir)
		require.NoDirExists(t, filepath.Join(dir, "deep", "new"))
	}
}
