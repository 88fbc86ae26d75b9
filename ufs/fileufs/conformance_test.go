package fileufs_test

import (
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/fileufs"
	"github.com/millpond/millpond/ufs/ufstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(tb testing.TB, dir string) *ufs.Store {
	s, err := fileufs.Open(dir, nil)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = s.Close() })
	return s
}

func dirOf(s *ufs.Store) string { return filepath.FromSlash(strings.TrimPrefix(s.ID(), "file://")) }

// leftovers counts the temporary files of a place.
func leftovers(tb testing.TB, s *ufs.Store) (n int) {
	require.NoError(tb, filepath.WalkDir(dirOf(s), func(path string, _ fs.DirEntry, err error) error {
		if strings.Contains(path, ".millpond-tmp-") {
			n++
		}
		return err
	}))
	return n
}

func TestConformance(t *testing.T) {
	ufstest.Run(t, ufstest.Harness{
		Open:      func(tb testing.TB) *ufs.Store { return open(tb, tb.TempDir()) },
		Second:    func(tb testing.TB, s *ufs.Store) *ufs.Store { return open(tb, dirOf(s)) },
		Leftovers: leftovers,
		Deny:      deny,
	})
}

// TestConformanceOfADistantOne: so does a directory whose calls are made by goroutines.
func TestConformanceOfADistantOne(t *testing.T) {
	open := func(tb testing.TB, dir string) *ufs.Store {
		s, err := fileufs.OpenDistant(dir, nil)
		require.NoError(tb, err)
		tb.Cleanup(func() { _ = s.Close() })
		return s
	}
	ufstest.Run(t, ufstest.Harness{
		Open:      func(tb testing.TB) *ufs.Store { return open(tb, tb.TempDir()) },
		Second:    func(tb testing.TB, s *ufs.Store) *ufs.Store { return open(tb, dirOf(s)) },
		Leftovers: leftovers,
	})
}

// TestCallsThatAreLeft: more than so many are not begun; what one brings late is not lost, and when all have returned there may be more.
func TestCallsThatAreLeft(t *testing.T) {
	refused, late, answer := fileufs.Leave(t.Context(), fileufs.MostLeft+5)
	require.Equal(t, 5, refused)
	require.NoError(t, answer())
	require.Len(t, late, fileufs.MostLeft)
}
