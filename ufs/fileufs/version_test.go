package fileufs_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
)

// put writes a file past the driver, with a modification time of an age.
func put(t testing.TB, path, content string, age time.Duration) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
	if age > 0 {
		require.NoError(t, os.Chtimes(path, time.Now(), time.Now().Add(-age)))
	}
}

func stat(t testing.TB, s *ufs.Store, key string) ufs.Attr {
	t.Helper()
	a, err := s.Stat(t.Context(), key)
	require.NoError(t, err)
	return a
}

// TestTimeGivenBack: within the 2 s, a change of the same length that leaves the modification time is seen.
func TestTimeGivenBack(t *testing.T) {
	dir := t.TempDir()
	s, f := open(t, dir), filepath.Join(dir, "f")
	put(t, f, "one", 0)
	fi, err := os.Stat(f)
	require.NoError(t, err)
	v := stat(t, s, "f").Version
	require.NoError(t, os.WriteFile(f, []byte("two"), 0o644))
	require.NoError(t, os.Chtimes(f, fi.ModTime(), fi.ModTime()))
	a := stat(t, s, "f")
	require.False(t, a.Is(v), "%q is taken for what it was", a.Version)
	_, _, err = s.Open(t.Context(), "f", 0, -1, v)
	require.ErrorIs(t, err, driver.ErrChanged)
}

// TestOldFileKeepsItsVersion whatever others do to what is not its content.
func TestOldFileKeepsItsVersion(t *testing.T) {
	dir := t.TempDir()
	s, f := open(t, dir), filepath.Join(dir, "f")
	put(t, f, "content", time.Hour)
	want := stat(t, s, "f").Version
	require.NoError(t, os.Chmod(f, 0o600))
	require.NoError(t, os.Link(f, f+"2"))
	require.NoError(t, os.Rename(f, f+"3"))
	require.Equal(t, want, stat(t, s, "f2").Version)
	require.Equal(t, want, stat(t, s, "f3").Version)
}

// TestGrowingOld: the version of a young file goes on naming it, until its change time moves.
func TestGrowingOld(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	isYoung := func(a ufs.Attr) bool { return strings.Count(a.Version, "-") == 3 }
	var left, touched ufs.Attr
	for range 20 { // once, unless the machine is slow
		for _, name := range []string{"left", "touched"} {
			put(t, filepath.Join(dir, name), "content", 1500*time.Millisecond)
		}
		if left, touched = stat(t, s, "left"), stat(t, s, "touched"); isYoung(left) && isYoung(touched) {
			break
		}
	}
	require.Empty(t, left.Was)
	require.Eventually(t, func() bool {
		return stat(t, s, "left").Version != left.Version && stat(t, s, "touched").Version != touched.Version
	}, 10*time.Second, 10*time.Millisecond)
	now := stat(t, s, "left")
	require.Equal(t, left.Version, now.Was)
	require.True(t, strings.HasPrefix(left.Version, now.Version+"-"), "%q is no beginning of %q", now.Version, left.Version)
	rc, a, err := s.Open(t.Context(), "left", 0, -1, left.Version)
	require.NoError(t, err, "the young version as a condition")
	require.NoError(t, rc.Close())
	require.Equal(t, left.Version, a.Version)

	require.NoError(t, os.Chmod(filepath.Join(dir, "touched"), 0o600))
	require.False(t, stat(t, s, "touched").Is(touched.Version), "what happened between is not known")
	_, _, err = s.Open(t.Context(), "touched", 0, -1, touched.Version)
	require.ErrorIs(t, err, driver.ErrChanged)
}

// TestOwnChangesSayWhatWas: the answer of each change leads from the version before to the one after.
func TestOwnChangesSayWhatWas(t *testing.T) {
	for name, age := range map[string]time.Duration{"young": 0, "old": time.Hour} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			put(t, filepath.Join(dir, "f"), "content", age)
			v := stat(t, s, "f").Version
			step := func(key string, a ufs.Attr, err error) {
				t.Helper()
				require.NoError(t, err)
				require.NotEmpty(t, a.Was)
				require.True(t, a.Is(v), "%q, was %q, want %q", a.Version, a.Was, v)
				v = a.Version
				require.Equal(t, v, stat(t, s, key).Version)
			}
			a, err := s.Rename(t.Context(), "f", "g", false)
			step("g", a, err)
			a, err = s.SetMode(t.Context(), "g", 0o600)
			step("g", a, err)
			a, err = s.SetOwner(t.Context(), "g", a.Owner, a.Group)
			step("g", a, err)
		})
	}
}

// TestReadOfAFileWrittenInPlace: what was open is that version or an error.
func TestReadOfAFileWrittenInPlace(t *testing.T) {
	for name, change := range map[string]func(f string) error{
		"same length": func(f string) error { return os.WriteFile(f, []byte(strings.Repeat("b", 1000)), 0o644) },
		"shorter":     func(f string) error { return os.Truncate(f, 10) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s, f := open(t, dir), filepath.Join(dir, "f")
			put(t, f, strings.Repeat("a", 1000), time.Hour)
			rc, _, err := s.Open(t.Context(), "f", 0, -1, "")
			require.NoError(t, err)
			defer rc.Close()
			_, err = io.ReadFull(rc, make([]byte, 100))
			require.NoError(t, err)
			require.NoError(t, os.Chmod(f, 0o600), "no change of the content")
			_, err = io.ReadFull(rc, make([]byte, 100))
			require.NoError(t, err)
			require.NoError(t, change(f))
			_, err = io.ReadAll(rc)
			require.ErrorIs(t, err, driver.ErrChanged)
		})
	}
}

// TestChangesBetweenLooks: as fast as it goes, a change of the same length in place is another version. A file
// system in the kernel's memory has the coarse clock that all had before Linux 6.13.
func TestChangesBetweenLooks(t *testing.T) {
	dirs := map[string]string{"usual": t.TempDir()}
	if coarse := mountRamfs(t); coarse != "" {
		dirs["coarse clock"] = coarse
	}
	for name, dir := range dirs {
		t.Run(name, func(t *testing.T) {
			s := open(t, dir)
			f, err := os.Create(filepath.Join(dir, "f"))
			require.NoError(t, err)
			defer f.Close()
			seen := map[string]int{}
			for i := range 50 {
				_, err := f.WriteAt([]byte{byte(i)}, 0)
				require.NoError(t, err)
				v := stat(t, s, "f").Version
				require.NotContains(t, seen, v, "change %d looks like change %d", i, seen[v])
				seen[v] = i
			}
		})
	}
}

// TestOwnFilesHaveTheirOwnTimes: files that replace each other at once never look like one that was there before, though
// inodes come again.
func TestOwnFilesHaveTheirOwnTimes(t *testing.T) {
	dir := t.TempDir()
	if coarse := mountRamfs(t); coarse != "" {
		dir = coarse
	}
	s := open(t, dir)
	seen := map[string]int{}
	for i := range 50 {
		a := create(t, s, "f", string(rune('a'+i%26)), ufs.CreateOptions{})
		require.NotContains(t, seen, a.Version, "file %d looks like file %d", i, seen[a.Version])
		seen[a.Version] = i
	}
}

func create(t testing.TB, s *ufs.Store, key, content string, o ufs.CreateOptions) ufs.Attr {
	t.Helper()
	w, err := s.Create(t.Context(), key, o)
	require.NoError(t, err)
	_, err = io.WriteString(w, content)
	require.NoError(t, err)
	a, err := w.Commit(t.Context())
	require.NoError(t, err)
	return a
}
