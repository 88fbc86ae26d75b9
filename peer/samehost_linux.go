package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"github.com/millpond/millpond/peer/internal/link"
)

// unixName is where in the abstract namespace of Unix sockets a node listens that is known by addr. A name there goes with
// the process that has it, and each network namespace has its own.
func unixName(addr netip.AddrPort) string { return "@millpond/" + addr.String() }

func (*osNetwork) ListenHere(ctx context.Context, addr netip.AddrPort) (net.Listener, error) {
	user, err := thisUser()
	if err != nil {
		return nil, err
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "unix", unixName(addr))
	if err != nil {
		return nil, err
	}
	return userListener{l, user}, nil
}

// DialHere does not look for addresses that this host does not have: a node that has had one may have its name still.
func (*osNetwork) DialHere(ctx context.Context, addr string) (net.Conn, error) {
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, err
	}
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	if !ofThisHost(to.Addr()) {
		return nil, fmt.Errorf("%s is no address of this host", to.Addr())
	}
	user, err := thisUser()
	if err != nil {
		return nil, err
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", unixName(to))
	if err != nil {
		return nil, err
	}
	if err := checkUser(conn, user); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// userListener lets in who runs as the user that it was made by: that is whom who calls finds here, whatever this process is by now.
type userListener struct {
	net.Listener
	user int
}

func (l userListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if checkUser(conn, l.user) == nil {
			return conn, nil
		}
		conn.Close() // it comes over TCP
	}
}

// thisUser is who this process runs as. Nobody, who has 65534, cannot be told from the users that a user namespace does not have: the
// system gives that for all of them.
func thisUser() (int, error) {
	const nobody = 65534
	user := os.Geteuid()
	if user == nobody {
		return 0, fmt.Errorf("user %d has no Unix sockets: %w", nobody, errors.ErrUnsupported)
	}
	return user, nil
}

// checkUser is nil if the other end of a Unix socket runs as user: anybody may take any name.
func checkUser(conn net.Conn, user int) error {
	u, ok := conn.(*net.UnixConn)
	if !ok {
		return errors.ErrUnsupported
	}
	_, is, err := link.Process(u)
	if err == nil && is != user {
		err = fmt.Errorf("user %d is at the other end of a Unix socket, want %d", is, user)
	}
	return err
}
