package link_test

import (
	"bytes"
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"
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

// ownProcess runs a test again in a process of its own, where it is true.
func ownProcess(t *testing.T) bool {
	const own = "MILLPOND_TEST_OWN_PROCESS"
	if os.Getenv(own) == t.Name() {
		return true
	}
	c := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run=^"+t.Name()+"$")
	c.Env = append(os.Environ(), own+"="+t.Name())
	out, err := c.CombinedOutput()
	require.NoError(t, err, string(out))
	if bytes.Contains(out, []byte("--- SKIP")) {
		t.Skip(string(out))
	}
	return false
}

// TestSandbox: in one that does not tell what has been read, blocks are copied.
func TestSandbox(t *testing.T) {
	if !ownProcess(t) {
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

// TestSmallPipes: a user who has so many pipes that the system gives him small ones copies.
func TestSmallPipes(t *testing.T) {
	if !ownProcess(t) {
		return
	}
	if os.Getuid() == 0 {
		if err := syscall.Setuid(65534); err != nil {
			t.Skipf("root has as many pages as he likes: setuid: %v", err)
		}
	}
	for n := 0; ; n++ {
		var ends [2]int
		if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil || n == 256 {
			t.Skipf("%d pipes have all their pages: %v", n, err)
		}
		if _, err := unix.FcntlInt(uintptr(ends[0]), unix.F_SETPIPE_SZ, 1<<20); err == nil {
			continue
		}
		room, err := unix.FcntlInt(uintptr(ends[0]), unix.F_GETPIPE_SZ, 0)
		require.NoError(t, err)
		if room < 64<<10 {
			break
		}
	}
	block := random(1 << 20)
	var lent atomic.Int64
	a, b := neighbours(t, &handler{block: serving(poisoned(block, &lent))}, nil)
	dst := make([]byte, len(block))
	_, err := a.ReadBlock(t.Context(), "b", link.BlockRequest{Length: int64(len(dst))}, [][]byte{dst}, nil)
	require.NoError(t, err)
	require.True(t, bytes.Equal(block, dst))
	require.Zero(t, b.Spare())
	require.False(t, b.Copies(), "he may have fewer again")
}
