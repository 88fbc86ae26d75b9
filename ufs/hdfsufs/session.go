package hdfsufs

import (
	"errors"
	"fmt"
	"strings"

	"github.com/colinmarc/hdfs/v2"

	"github.com/millpond/millpond/ufs/driver"
)

// session is one of the library's clients with its connections, in the hands of one call, body or writer at a time: the
// library answers one request after the other, and forgets to lock what it keeps of them.
type session struct {
	c     *hdfs.Client
	names namenode
	conns *conns
}

// clientOptions are what a session is made with.
type clientOptions struct {
	lib      hdfs.ClientOptions
	kerberos func() (ticket, error) // nil for none
}

// newSession connects to the first NameNode that answers, over connections that are bound already. After an error they are
// closed, and no call has been made.
func newSession(o clientOptions, c *conns) (*session, error) {
	x := &session{conns: c}
	err := x.connect(o)
	if err == nil {
		return x, nil
	}
	if l, is := errors.AsType[*lostError](err); is {
		err = l.error // by what shook hands, not by a call
	}
	c.kill(err)
	if x.c != nil {
		x.c.Close()
	}
	return nil, err
}

func (x *session) connect(o clientOptions) (err error) {
	if o.kerberos != nil {
		t, err := o.kerberos()
		if err != nil {
			return err
		}
		o.lib.KerberosClient = t.Client
		x.conns.show = func(addr string) error { return t.show(x.conns.ctx, addr, o.lib.KerberosServicePrincipleName) }
	}
	o.lib.NamenodeDialFunc, o.lib.DatanodeDialFunc = x.conns.toNameNode, x.conns.toDataNode
	if x.c, err = hdfs.NewClient(o.lib); err != nil {
		return x.unwelcome(err)
	}
	x.names, err = reach(x.c)
	return err
}

// handshake is before what the library says of a NameNode that did not like the ticket.
const handshake = "SASL handshake: "

// unwelcome says why no NameNode made a client of us.
func (x *session) unwelcome(err error) error {
	_, why, is := strings.Cut(err.Error(), handshake)
	if !is || x.conns.dead() != nil {
		return x.explain(err)
	}
	return fmt.Errorf("%w: the NameNode refuses the Kerberos ticket: %s (klist shows whose it is, dfs.namenode.kerberos.principal whom it is for)", driver.ErrPermission, why)
}

// end closes everything. The connections come first: closing the client waits for its renewal of leases, which goes on
// every second.
func (x *session) end() {
	x.conns.kill(errEnded)
	x.c.Close() // its connection is closed, so it says that
}

var errEnded = errors.New("the session has ended")

// lostError is what broke between a request and its answer.
type lostError struct{ error }

func (e *lostError) Unwrap() error { return e.error }

// explain says what the library's error means. What the library says of a connection that is gone has no type; how it
// broke has one.
func (x *session) explain(err error) error {
	if err == nil {
		return nil
	}
	if dead := x.conns.dead(); errors.Is(dead, errWantsKerberos) {
		return dead // whatever the library made of it
	}
	if named, ok := condition(err); ok {
		if e, is := errors.AsType[remote](err); is && strings.HasPrefix(e.Desc(), "FATAL") {
			x.conns.kill(named) // so does the NameNode
		}
		return named
	}
	if dead := x.conns.dead(); dead != nil {
		return &lostError{dead}
	}
	if _, refused := x.conns.namenode(); errors.Is(refused, driver.ErrPermission) {
		return refused
	} else if refused != nil {
		return fmt.Errorf("%w: no NameNode that works: %w", driver.ErrUnavailable, refused)
	}
	return &lostError{err}
}
