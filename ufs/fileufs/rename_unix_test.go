//go:build unix

package fileufs_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/fileufs"
)

// TestRenameOntoClaim: of two that both hold the claim of a name, as on Gluster, one has it and the other keeps its own.
func TestRenameOntoClaim(t *testing.T) {
	dir := t.TempDir()
	r, err := os.OpenRoot(dir)
	require.NoError(t, err)
	defer r.Close()
	for _, from := range []string{"a", "b"} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, from), 0o755))
		put(t, filepath.Join(dir, from, "inside"), from, 0)
	}
	put(t, filepath.Join(dir, "file"), "", 0)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "to"), 0o755))
	require.NoError(t, fileufs.RenameOntoClaim(r, "a", "to"))
	for _, to := range []string{"to", "file"} {
		require.Equal(t, driver.ErrExist, fileufs.RenameOntoClaim(r, "b", to))
	}
	require.Error(t, fileufs.RenameOntoClaim(r, "b", "b/inside"), "into itself, where a file has taken the claim's place")
	for path, content := range map[string]string{"to/inside": "a", "b/inside": "b"} {
		b, err := os.ReadFile(filepath.Join(dir, path))
		require.NoError(t, err)
		require.Equal(t, content, string(b))
	}
}
