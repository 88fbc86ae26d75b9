package progress_test

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/millpond/millpond/examples/internal/progress"
)

// terminal is both ends of one: what a program writes to the first is read from the second.
func terminal(t *testing.T) (program, screen *os.File) {
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("this system gives no terminals")
	}
	require.NoError(t, err)
	t.Cleanup(func() { _ = screen.Close() })
	require.NoError(t, unix.IoctlSetPointerInt(int(screen.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(screen.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	program, err = os.OpenFile(fmt.Sprint("/dev/pts/", n), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = program.Close() })
	return program, screen
}

// TestLineOnATerminal: the line is drawn over itself as the work goes on, and wiped at the end.
func TestLineOnATerminal(t *testing.T) {
	const wipe = "\r\x1b[K"
	program, screen := terminal(t)
	var files atomic.Int64
	stop := progress.Line(program, func() string { return fmt.Sprintf("%d files;", files.Add(1)) })
	drawn := bufio.NewReader(screen)
	for i := range 3 {
		text, err := drawn.ReadString(';')
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("%s%d files;", wipe, i+1), text)
	}
	stop()
	_, err := program.WriteString("after\n")
	require.NoError(t, err)
	text, err := drawn.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, wipe+"after", strings.TrimRight(text[strings.LastIndex(text, wipe):], "\r\n"), "what is drawn last is wiped")
}
