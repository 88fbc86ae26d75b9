package link

import "net"

// sameHostBytes bounds what is on its way to a node of the same host. There it moves from one buffer to the next within
// memory, and what the other side takes while it is in the processor's cache costs half of what a whole MiB does that waits. The
// system would let megabytes wait, which only a network needs. Much less must not be: a segment there has 64 KiB, and where two
// do not fit each waits for an acknowledgement that is delayed by 40 ms (seen with 32 KiB).
const sameHostBytes = 256 << 10

// boundSameHost bounds it, if conn goes to a node of the same host.
func boundSameHost(conn net.Conn) {
	if tcp, ok := tcpBelow(conn); ok && sameHost(conn) {
		_ = tcp.SetWriteBuffer(sameHostBytes) // if the system will not, it is slower
	}
}

// sameHost reports whether conn is TCP to a node of the same host.
func sameHost(conn net.Conn) bool {
	here, okHere := conn.LocalAddr().(*net.TCPAddr)
	there, okThere := conn.RemoteAddr().(*net.TCPAddr)
	return okHere && okThere && here.IP.Equal(there.IP)
}
