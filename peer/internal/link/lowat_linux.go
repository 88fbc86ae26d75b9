package link

import (
	"net"

	"golang.org/x/sys/unix"
)

// wakeAt lets a reader of conn sleep until n bytes are there; 1 is usual. They have to be owed by the other side.
func wakeAt(conn *net.TCPConn, n int) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return // closed: the next read says so
	}
	// If the system will not, the reader is woken more often.
	_ = raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVLOWAT, n) })
}
