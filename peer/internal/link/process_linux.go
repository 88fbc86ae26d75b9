package link

import (
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// Process is the process and the user at the other end of a Unix socket, as the system says. 0 is a process that this one cannot see.
func Process(conn *net.UnixConn) (pid, user int, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, 0, err
	}
	var who *unix.Ucred
	var failed error
	if err := raw.Control(func(fd uintptr) { who, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); err != nil {
		return 0, 0, err
	}
	if failed != nil {
		return 0, 0, os.NewSyscallError("getsockopt", failed)
	}
	return int(who.Pid), int(who.Uid), nil
}
