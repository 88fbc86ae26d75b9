package link

import (
	"errors"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// sendFile writes front, then n bytes of f from off, without copying them into this process. It returns how many of those
// were written: fewer without an error means that f failed or ended. (net.TCPConn.ReadFrom moves f's own offset,
// which others use.)
func sendFile(conn *net.TCPConn, front []byte, f *os.File, off int64, n int) (done int, err error) {
	from, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	to, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	t := transfer{front: front, off: off, left: n}
	controlErr := from.Control(func(file uintptr) {
		err = to.Write(func(socket uintptr) bool { return t.step(int(socket), int(file)) })
	})
	return n - t.left, errors.Join(controlErr, err, t.socket)
}

// transfer is one sendFile.
type transfer struct {
	front  []byte
	off    int64
	left   int
	socket error
}

// step writes until all is written, or fails; false: the socket is full.
func (t *transfer) step(socket, file int) (done bool) {
	for len(t.front) > 0 {
		n, err := unix.SendmsgN(socket, t.front, nil, nil, unix.MSG_MORE) // the bytes go into the same packet
		switch {
		case err == unix.EAGAIN:
			return false
		case err == unix.EINTR:
		case err != nil:
			t.socket = os.NewSyscallError("sendmsg", err)
			return true
		default:
			t.front = t.front[n:]
		}
	}
	for t.left > 0 {
		n, err := unix.Sendfile(socket, file, &t.off, t.left)
		if n > 0 {
			t.left -= n
			continue
		}
		switch {
		case err == unix.EAGAIN:
			return false
		case err == unix.EINTR:
		case err == unix.EPIPE || err == unix.ECONNRESET || err == unix.ENOTCONN:
			t.socket = os.NewSyscallError("sendfile", err)
			return true
		default: // the file ended, or failed
			return true
		}
	}
	return true
}
