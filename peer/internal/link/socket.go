package link

import (
	"fmt"
	"net"
	"syscall"
)

// socket is a connection of the operating system's: TCP, or a Unix socket between two processes of a host.
type socket interface {
	net.Conn
	syscall.Conn
}

// socketOf is conn itself, nil if it is anything else: something around a socket may want to see what is written.
func socketOf(conn net.Conn) socket {
	switch conn := conn.(type) {
	case *net.TCPConn:
		return conn
	case *net.UnixConn:
		return conn
	}
	return nil
}

// socketBelow is the socket that conn is, or goes over; nil if there is none.
func socketBelow(conn net.Conn) socket {
	if r := recordsBelow(conn); r != nil {
		conn = r.Conn
	}
	return socketOf(conn)
}

// isUnix reports whether conn is a Unix socket, or goes over one.
func isUnix(conn net.Conn) bool {
	_, ok := socketBelow(conn).(*net.UnixConn)
	return ok
}

// remoteAddr is what people find the other end by: an address, or a process of this host.
func remoteAddr(conn net.Conn) string {
	u, ok := conn.(*net.UnixConn)
	if !ok {
		return conn.RemoteAddr().String()
	}
	pid, _, err := Process(u)
	if err != nil || pid == 0 {
		return "a process of this host"
	}
	return fmt.Sprintf("process %d", pid)
}

// What is on its way to a node of the same host is bounded. There it moves from one buffer to the next within memory, and what the other
// side takes while it is in the processor's cache costs half of what a whole MiB does that waits. Over TCP the system would let megabytes wait,
// which only a network needs. Much less must not be: a segment there has 64 KiB, and where two do not fit each waits for an
// acknowledgement that is delayed by 40 ms (seen with 32 KiB). Who writes to a full Unix socket sleeps until three quarters have been
// read: with its usual 208 KiB the other side then waits for him.
const (
	sameHostTCP  = 256 << 10
	sameHostUnix = 512 << 10
)

// boundSameHost bounds it, if conn goes to a node of the same host. If the system will not, it is slower.
func boundSameHost(conn net.Conn) {
	switch sock := socketBelow(conn).(type) {
	case *net.UnixConn:
		_ = sock.SetWriteBuffer(sameHostUnix)
	case *net.TCPConn:
		if sameHost(conn) {
			_ = sock.SetWriteBuffer(sameHostTCP)
		}
	}
}

// sameHost reports whether conn goes to a node of the same host.
func sameHost(conn net.Conn) bool {
	here, okHere := conn.LocalAddr().(*net.TCPAddr)
	there, okThere := conn.RemoteAddr().(*net.TCPAddr)
	return okHere && okThere && here.IP.Equal(there.IP) || isUnix(conn)
}
