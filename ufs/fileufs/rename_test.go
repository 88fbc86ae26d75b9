package fileufs_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/fileufs"
)

const contenders = 16

// TestOneRenameWins: of many renames to one name without overwrite one wins, and the others keep what they have.
func TestOneRenameWins(t *testing.T) {
	for _, kind := range []string{"files", "directories"} {
		t.Run(kind, func(t *testing.T) {
			for range 20 {
				dir := t.TempDir()
				s := open(t, dir)
				sources(t, dir, kind)
				contend(t, dir, func(from string) error {
					_, err := s.Rename(t.Context(), from, "to", false)
					return err
				})
			}
		})
	}
}

// TestOneRenameWinsElsewhere is the same for the ways of systems that have no such rename.
func TestOneRenameWinsElsewhere(t *testing.T) {
	for kind, rename := range map[string]func(r *os.Root, from, to string) error{"files": fileufs.RenameByLink, "directories": fileufs.RenameOntoEmpty} {
		t.Run(kind, func(t *testing.T) {
			dir := t.TempDir()
			r, err := os.OpenRoot(dir)
			require.NoError(t, err)
			defer r.Close()
			sources(t, dir, kind)
			contend(t, dir, func(from string) error { return rename(r, from, "to") })
			require.Error(t, rename(r, "missing", "new"))
			require.NoDirExists(t, filepath.Join(dir, "new"))
			require.NoFileExists(t, filepath.Join(dir, "new"))
		})
	}
}

func TestRenameAfterLook(t *testing.T) {
	dir := t.TempDir()
	r, err := os.OpenRoot(dir)
	require.NoError(t, err)
	defer r.Close()
	put(t, filepath.Join(dir, "a"), "a", 0)
	put(t, filepath.Join(dir, "b"), "b", 0)
	require.ErrorIs(t, fileufs.RenameAfterLook(r, "a", "b"), driver.ErrExist)
	require.NoError(t, fileufs.RenameAfterLook(r, "a", "c"))
	require.FileExists(t, filepath.Join(dir, "c"))
}

func sources(t *testing.T, dir, kind string) {
	for i := range contenders {
		p := filepath.Join(dir, fmt.Sprint("from", i))
		if kind == "directories" {
			require.NoError(t, os.Mkdir(p, 0o755))
			p = filepath.Join(p, "inside")
		}
		put(t, p, fmt.Sprint(i), 0)
	}
}

func contend(t *testing.T, dir string, rename func(from string) error) {
	t.Helper()
	var wg sync.WaitGroup
	errs := make([]error, contenders)
	start := make(chan struct{})
	for i := range errs {
		wg.Go(func() {
			<-start
			errs[i] = rename(fmt.Sprint("from", i))
		})
	}
	close(start)
	wg.Wait()
	winner := -1
	for i, err := range errs {
		p := filepath.Join(dir, fmt.Sprint("from", i))
		if err == nil {
			require.Negative(t, winner, "%d and %d won", winner, i)
			winner = i
			_, err := os.Lstat(p)
			require.ErrorIs(t, err, os.ErrNotExist)
			continue
		}
		require.True(t, errors.Is(err, driver.ErrExist), "%v", err)
		_, err := os.Lstat(p)
		require.NoError(t, err, "a loser's source")
	}
	require.GreaterOrEqual(t, winner, 0)
	p := filepath.Join(dir, "to")
	if fi, err := os.Stat(p); err == nil && fi.IsDir() {
		p = filepath.Join(p, "inside")
	}
	got, err := os.ReadFile(p)
	require.NoError(t, err)
	require.Equal(t, fmt.Sprint(winner), string(got))
}

func TestRenameRefuses(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	create(t, s, "d/e/f", "", ufs.CreateOptions{Parents: true})
	create(t, s, "f", "", ufs.CreateOptions{})
	for _, c := range []struct {
		from, to  string
		overwrite bool
		want      error
	}{
		{"d", "d/e/d", false, driver.ErrInvalid},
		{"d", "d/e/d", true, driver.ErrInvalid},
		{"f", "d", false, driver.ErrExist},
		{"f", "d", true, driver.ErrExist},
		{"d", "f", false, driver.ErrExist},
		{"d", "f", true, driver.ErrNotDir},
		{"f", "no/f", false, driver.ErrNotExist},
		{"", "x", false, driver.ErrInvalid},
		{"f", "", true, driver.ErrInvalid},
		{"f", ".millpond-tmp-0123456789abcdef", true, driver.ErrInvalid},
	} {
		_, err := s.Rename(t.Context(), c.from, c.to, c.overwrite)
		require.ErrorIs(t, err, c.want, "%q to %q", c.from, c.to)
	}
	names, _ := listing(t, s, ufs.ListOptions{Recursive: true})
	require.Equal(t, []string{"d/", "d/e/", "d/e/f", "f"}, names)
}
