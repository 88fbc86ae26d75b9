package fileufs_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
)

// TestRecursivePagesAreWalkDir: whatever the page, the pages together are fs.WalkDir's order, and links lead nowhere
// else.
func TestRecursivePagesAreWalkDir(t *testing.T) {
	dir := t.TempDir()
	for _, p := range []string{"a/b/c", "a/b-c", "a/b/d/e", "a", "a-b", "b", "b/x"} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, p), 0o755))
		for i := range 3 {
			require.NoError(t, os.WriteFile(filepath.Join(dir, p, fmt.Sprintf("f%d", i)), nil, 0o644))
		}
	}
	var want []string
	require.NoError(t, fs.WalkDir(os.DirFS(dir), ".", func(p string, _ fs.DirEntry, err error) error {
		if p != "." {
			want = append(want, p)
		}
		return err
	}))
	outside := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(outside, "secret"), nil, 0o644))
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "out")))
	s := open(t, dir)
	for limit := 1; limit < 9; limit++ {
		var got []string
		for a, err := range s.List(t.Context(), ufs.ListOptions{Recursive: true, Limit: limit}) {
			require.NoError(t, err)
			got = append(got, a.Key)
		}
		require.Equal(t, want, got, "pages of %d", limit)
	}
	_, err := s.Stat(t.Context(), "out/secret")
	require.Error(t, err, "a link leads out")
}
