//go:build !linux

package fileufs_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
)

// deny takes everybody's permissions from a file.
func deny(tb testing.TB, s *ufs.Store, key string) *ufs.Store {
	if os.Getuid() <= 0 {
		tb.Skip("Harness.Deny: root reads what it likes, and Windows knows no such mode")
	}
	require.NoError(tb, os.Chmod(filepath.Join(dirOf(s), filepath.FromSlash(key)), 0))
	return s
}
