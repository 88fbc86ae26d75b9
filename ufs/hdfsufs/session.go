package hdfsufs

import (
	"errors"
	"fmt"
	"strings"

	"github.com/colinmarc/hdfs/v2"
	krb "github.com/jcmturner/gokrb5/v8/client"

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
	kerberos func() (*krb.Client, error) // nil for none
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
		if o.lib.KerberosClient, err = o.kerberos(); err != nil {
			return err
		}
	}
	o.lib.NamenodeDialFunc, o.lib.DatanodeDialFunc = x.conns.toNameNode, x.conns.toDataNode
	if x.c, err = hdfs.NewClient(o.lib); err != nil {
		return x.explain(err)
	}
	x.names, err = reach(x.c)
	return err
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
	if _, refused := x.conns.namenode(); refused != nil {
		return fmt.Errorf("%w: no NameNode that works: %w", driver.ErrUnavailable, refused)
	}
	return &lostError{err}
}
