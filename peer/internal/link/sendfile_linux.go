package link

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// sendFile writes front, then n bytes of f from off, without copying them into this process. It returns how many of those
// were written: fewer without an error means that f failed or ended. (net.TCPConn.ReadFrom moves f's own offset,
// which others use.)
func sendFile(conn socket, front []byte, f *os.File, off int64, n int) (done int, err error) {
	from, err := f.SyscallConn()
	if err != nil {
		return 0, nil
	}
	to, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	t := transfer{front: front, off: off, left: n}
	closed := from.Control(func(file uintptr) {
		err = to.Write(func(socket uintptr) bool { return t.head(int(socket)) && t.bytes(int(socket), int(file)) })
	})
	if closed != nil && len(t.front) > 0 { // f: then zeros stand in
		_, err = conn.Write(t.front)
	}
	return n - t.left, errors.Join(err, t.fail)
}

// transfer is one sendFile. Its steps return false when the socket is full.
type transfer struct {
	front []byte
	off   int64
	left  int
	fail  error // of the socket
}

func (t *transfer) head(socket int) bool {
	for len(t.front) > 0 && t.fail == nil {
		n, err := unix.SendmsgN(socket, t.front, nil, nil, unix.MSG_MORE) // the bytes go into the same packet
		switch {
		case err == unix.EAGAIN:
			return false
		case err == unix.EINTR:
		case err != nil:
			t.fail = os.NewSyscallError("sendmsg", err)
		default:
			t.front = t.front[n:]
		}
	}
	return true
}

func (t *transfer) bytes(socket, file int) bool {
	for t.left > 0 && t.fail == nil {
		n, err := unix.Sendfile(socket, file, &t.off, t.left)
		switch {
		case n > 0:
			t.left -= n
		case err == unix.EAGAIN:
			return false
		case err == unix.EINTR:
		case err == unix.EPIPE || err == unix.ECONNRESET || err == unix.ENOTCONN:
			t.fail = os.NewSyscallError("sendfile", err)
		default: // the file ended, or failed
			return true
		}
	}
	return true
}
