package link

import (
	"errors"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// pipe has pages on their way from memory into a socket.
type pipe struct {
	in, out int
	inside  int  // bytes
	useless bool // the system takes no memory, or gives none to a socket
}

// newPipe has room for a frame. nil: there is none, or the system grants no more than a few pages, through which a copy is faster.
func newPipe() *pipe {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return nil
	}
	p := &pipe{in: fds[1], out: fds[0]}
	if _, err := unix.FcntlInt(uintptr(p.in), unix.F_SETPIPE_SZ, maxData); err != nil {
		p.close()
		return nil
	}
	return p
}

func (p *pipe) close() {
	_ = unix.Close(p.in)
	_ = unix.Close(p.out)
}

// send writes b to conn by reference; n bytes went so, fewer without an error if the system will not.
func (p *pipe) send(conn *net.UnixConn, b []byte) (n int, err error) {
	to, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	left := b
	var failed error
	err = to.Write(func(socket uintptr) (done bool) {
		for done = true; done && failed == nil && !p.useless && (p.inside > 0 || len(left) > 0); {
			if p.inside == 0 {
				left = left[p.enter(left):]
			} else {
				done, failed = p.leave(int(socket))
			}
		}
		return done
	})
	return len(b) - len(left) - p.inside, errors.Join(err, failed)
}

// enter has the pipe take what it has room for.
func (p *pipe) enter(b []byte) (n int) {
	part := []unix.Iovec{{Base: &b[0]}}
	part[0].SetLen(len(b))
	n, err := unix.Vmsplice(p.in, part, unix.SPLICE_F_NONBLOCK)
	switch {
	case err == unix.EINTR:
		return 0
	case err != nil || n <= 0:
		p.useless = true
		return 0
	}
	p.inside = n
	return n
}

// leave moves pages on into the socket; false: that is full.
func (p *pipe) leave(socket int) (more bool, err error) {
	n, err := unix.Splice(p.out, nil, socket, nil, p.inside, unix.SPLICE_F_NONBLOCK|unix.SPLICE_F_MORE)
	switch {
	case n > 0:
		p.inside -= int(n)
	case err == unix.EAGAIN:
		return false, nil
	case err == unix.EINTR:
	case err == unix.EPIPE || err == unix.ECONNRESET || err == unix.ENOTCONN:
		return true, os.NewSyscallError("splice", err)
	default:
		p.useless = true
	}
	return true, nil
}

// unreadBytes are no fewer than the other side has still to read: the system counts what it needs for them as well.
func unreadBytes(conn *net.UnixConn) (int64, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	var n int
	var failed error
	err = raw.Control(func(fd uintptr) { n, failed = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) })
	return int64(n), errors.Join(err, failed)
}
