package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/millpond/millpond/ufs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCountsADirectory(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "deep"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "deep", "f"), []byte("the mill the pond"), 0o600))
	counts(t, "file://"+dir)
}

// TestServerCountsABucket counts in a fresh bucket, container or directory of the real server that the environment names.
func TestServerCountsABucket(t *testing.T) {
	place := realPlace(t)
	put(t, place, "deep/f", "the mill the pond")
	counts(t, place)
}

// put writes a file of a place.
func put(t *testing.T, place, key, text string) {
	s, err := ufs.Open(t.Context(), place, nil)
	require.NoError(t, err)
	defer s.Close()
	w, err := s.Create(t.Context(), key, ufs.CreateOptions{Parents: true})
	require.NoError(t, err)
	_, err = w.Write([]byte(text))
	require.NoError(t, err)
	_, err = w.Commit(t.Context())
	require.NoError(t, err)
}

// TestCountsAWebServer counts what a web server lists.
func TestCountsAWebServer(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "deep"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "deep", "f"), []byte("the mill the pond"), 0o600))
	srv := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer srv.Close()
	counts(t, srv.URL+"/")
}

func counts(t *testing.T, url string) {
	out := t.TempDir()
	var stdout, stderr bytes.Buffer
	require.Zero(t, run(t.Context(), []string{"-out", out, "-memory", "8", "-disk", "8", url}, &stdout, &stderr), stderr.String())
	require.Regexp(t, `warm .* none`, stdout.String(), "no request")
	got, err := os.ReadFile(filepath.Join(out, "counts.txt"))
	require.NoError(t, err)
	require.Equal(t, "        2 the\n        1 mill\n        1 pond\n", string(got))
}

func TestBadArguments(t *testing.T) {
	for _, args := range [][]string{{}, {"a", "b"}, {"-workers", "0", "s3://b"}, {"-colour"}} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, 2, run(t.Context(), args, &stdout, &stderr), "%q", args)
		require.Regexp(t, `^bucket: .* \(-help shows how\)\n$`, stderr.String(), "said once")
		require.Empty(t, stdout.String())
	}
}

func TestHelp(t *testing.T) {
	var stdout, stderr bytes.Buffer
	require.Zero(t, run(t.Context(), []string{"-help"}, &stdout, &stderr))
	require.Contains(t, stdout.String(), "Usage: bucket")
	require.Contains(t, stdout.String(), "-workers")
	require.Empty(t, stderr.String())
}
