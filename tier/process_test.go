//go:build unix

package tier_test

import (
	"bufio"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/tier"
)

// holderDir and holderMask tell the test binary to be another process: one that opens a store there, under a umask.
const (
	holderDir  = "MILLPOND_TEST_TIER_DIR"
	holderMask = "MILLPOND_TEST_TIER_UMASK"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(holderDir); dir != "" {
		if err := holder(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// holder has a store open until its input ends.
func holder(dir string) error {
	mask, err := strconv.ParseInt(os.Getenv(holderMask), 8, 32)
	if err != nil {
		return err
	}
	syscall.Umask(int(mask))
	ctx := context.Background()
	s, err := tier.Open(ctx, tier.Options{BlockSize: 64 * kib}, ssd(8*mib, dir))
	if err != nil {
		return err
	}
	for n := range 80 { // more than one segment
		if err := s.Put(ctx, id(n), body(n, 60*kib), tier.PutOptions{}); err != nil {
			return err
		}
	}
	if err := s.Save(ctx, id(79)); err != nil {
		return err
	}
	fmt.Println("open")
	_, _ = bufio.NewReader(os.Stdin).ReadByte()
	return s.Close(ctx)
}

// startHolder runs one and returns its pid; stop ends it.
func startHolder(t *testing.T, dir, mask string) (pid int, stop func()) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), holderDir+"="+dir, holderMask+"="+mask)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "open\n", line)
	return cmd.Process.Pid, func() {
		require.NoError(t, in.Close())
		require.NoError(t, cmd.Wait())
	}
}

// TestDirectoryOfAnotherProcess opens what a process has open, is refused with its pid, and opens it when that has ended.
func TestDirectoryOfAnotherProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "ssd")
	pid, stop := startHolder(t, dir, "022")
	_, err := tier.Open(t.Context(), tier.Options{BlockSize: 64 * kib}, memory(mib), ssd(8*mib, dir))
	var held *vfs.LockedError
	require.ErrorAs(t, err, &held)
	require.Equal(t, pid, held.PID)
	require.ErrorContains(t, err, fmt.Sprint(pid))
	require.ErrorContains(t, err, dir)
	stop()
	s := open(t, vfs.OS, ssd(8*mib, dir))
	requireBlock(t, s, 79, 60*kib)
}

// TestModes looks at everything a process makes under an open and under a closed umask.
func TestModes(t *testing.T) {
	for _, mask := range []string{"000", "077", "027"} {
		dir := filepath.Join(t.TempDir(), "ssd")
		_, stop := startHolder(t, dir, mask)
		stop()
		files := 0
		require.NoError(t, filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
			require.NoError(t, err)
			info, err := e.Info()
			require.NoError(t, err)
			want := fs.FileMode(0o600)
			if e.IsDir() {
				want = 0o700
			} else {
				files++
			}
			require.Equal(t, want, info.Mode().Perm(), "umask %s: %s", mask, name)
			return nil
		}))
		require.Greater(t, files, 3)
	}
}

// TestOtherFormatIsLeftAlone opens directories of a later version, and of somebody else: refused by name, nothing is changed.
func TestOtherFormatIsLeftAlone(t *testing.T) {
	for name, text := range map[string]string{"FORMAT": "millpond disk tier\nformat 3\n", "thesis.txt": "ten years"} {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
		_, err := tier.Open(t.Context(), tier.Options{BlockSize: 64 * kib}, ssd(8*mib, dir))
		require.ErrorContains(t, err, name)
		require.ErrorContains(t, err, dir)
		left, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Equal(t, text, string(left))
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Len(t, entries, 1)
	}
}
