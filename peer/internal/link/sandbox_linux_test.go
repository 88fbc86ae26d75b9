package link_test

import (
	"bytes"
	"os"
	"os/exec"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/millpond/millpond/peer/internal/link"
)

// refuse has the system refuse this process a call with a second argument, for good.
func refuse(t *testing.T, call, arg uint32) {
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // seccomp_data.nr
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: call, Jf: 3},
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 24}, // the lower half of args[1]
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: arg, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	require.NoError(t, unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
	_, _, err := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog)))
	if err != 0 {
		t.Skipf("seccomp: %v", err)
	}
}

// TestSandbox: in one that does not tell what has been read, blocks are copied.
func TestSandbox(t *testing.T) {
	const inside = "MILLPOND_TEST_SANDBOX"
	if os.Getenv(inside) == "" {
		c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSandbox$")
		c.Env = append(os.Environ(), inside+"=1")
		out, err := c.CombinedOutput()
		require.NoError(t, err, string(out))
		return
	}
	refuse(t, unix.SYS_IOCTL, unix.SIOCOUTQ)
	block := random(1 << 20)
	var lent atomic.Int64
	a, _ := neighbours(t, &handler{block: serving(poisoned(block, &lent))}, patient)
	dst := make([]byte, len(block))
	_, err := a.ReadBlock(t.Context(), "b", link.BlockRequest{Length: int64(len(dst))}, [][]byte{dst}, nil)
	require.NoError(t, err)
	require.True(t, bytes.Equal(block, dst))
	require.Eventually(t, func() bool { return lent.Load() == 0 }, 10*time.Second, time.Millisecond)
}
