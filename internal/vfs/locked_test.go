package vfs_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/vfs"
)

// TestLockedErrorSaysWhatToDo: nobody is told to end the process that he runs.
func TestLockedErrorSaysWhatToDo(t *testing.T) {
	own := (&vfs.LockedError{Name: "/d/LOCK", PID: os.Getpid()}).Error()
	require.Contains(t, own, "which is this one or another container's; close what has it there or use another directory")
	require.NotContains(t, own, "end that")
	require.Contains(t, (&vfs.LockedError{Name: "/d/LOCK", PID: os.Getppid()}).Error(), "; end that or use another directory")
	require.Equal(t, "lock /d/LOCK: held by another process; end that or use another directory", (&vfs.LockedError{Name: "/d/LOCK"}).Error())
}
