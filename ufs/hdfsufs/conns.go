package hdfsufs

import (
	"context"
	"net"
	"sync"
)

// conns are the connections of one session. The library waits on them without a context; so what ends its waiting is that
// they are closed.
type conns struct {
	dialer dialer
	show   func(namenode string) error // gets what a NameNode wants to see; nil where it wants nothing
	mu     struct {
		sync.Mutex
		open     map[net.Conn]struct{}
		dead     error  // why no connection is made any more
		namenode string // the one that was connected to last
		refused  error  // why there is no connection to a NameNode; nil while there is one
		data     error  // the first failure of a connection to a DataNode
	}
	ctx  context.Context // of connections that are being made: ends with the session
	stop context.CancelFunc
}

type dialer func(ctx context.Context, network, addr string) (net.Conn, error)

func newConns(d dialer) *conns {
	if d == nil {
		d = (&net.Dialer{}).DialContext
	}
	c := &conns{dialer: d}
	c.mu.open = map[net.Conn]struct{}{}
	c.ctx, c.stop = context.WithCancel(context.Background())
	return c
}

// bind lets the connections end with ctx, until release. released is false if they have.
func (c *conns) bind(ctx context.Context) (release func() (released bool)) {
	return context.AfterFunc(ctx, func() { c.kill(context.Cause(ctx)) })
}

// kill closes all connections, for good. The first reason stays.
func (c *conns) kill(reason error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.dead == nil {
		c.mu.dead = reason
	}
	c.stop()
	for conn := range c.mu.open {
		conn.Close()
	}
	clear(c.mu.open)
}

// dead is why the connections were closed; nil while they work.
func (c *conns) dead() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.dead
}

// toNameNode is the library's dial function. It calls it without a context.
func (c *conns) toNameNode(_ context.Context, network, addr string) (net.Conn, error) {
	conn, err := c.dialNameNode(network, addr)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.mu.refused = err
		return nil, err
	}
	c.mu.namenode, c.mu.refused = addr, nil
	return &nameConn{Conn: conn, conns: c}, nil
}

func (c *conns) dialNameNode(network, addr string) (net.Conn, error) {
	if c.show != nil {
		if err := c.show(addr); err != nil {
			return nil, err
		}
	}
	return c.dial(network, addr)
}

// toDataNode is the library's other one.
func (c *conns) toDataNode(_ context.Context, network, addr string) (net.Conn, error) {
	conn, err := c.dial(network, addr)
	if err != nil {
		return nil, err
	}
	return newDataConn(conn, c), nil
}

func (c *conns) dial(network, addr string) (net.Conn, error) {
	if err := c.dead(); err != nil {
		return nil, err
	}
	conn, err := c.dialer(c.ctx, network, addr)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.dead != nil {
		conn.Close()
		return nil, c.mu.dead
	}
	c.mu.open[conn] = struct{}{}
	return conn, nil
}

func (c *conns) close(conn net.Conn) error {
	c.mu.Lock()
	delete(c.mu.open, conn)
	c.mu.Unlock()
	return conn.Close()
}

// leave notes why the connection to a NameNode is given up.
func (c *conns) leave(reason error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.refused = reason
}

// namenode is the address that was connected to last, and why there is no connection to one any more.
func (c *conns) namenode() (addr string, refused error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.namenode, c.mu.refused
}

// broken is the first failure of a connection to a DataNode.
func (c *conns) broken() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.data
}

func (c *conns) breaks(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.data == nil {
		c.mu.data = err
	}
}
