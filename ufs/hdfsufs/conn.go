package hdfsufs

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// nameConn is a connection to a NameNode. When it fails the session ends: the library would write its next request into
// what is left, or take an answer that comes late for that of another one.
type nameConn struct {
	net.Conn
	conns *conns
	read  int // bytes
}

// greeting is within how many bytes a NameNode says that it does not want us.
const greeting = 4 << 10

func (c *nameConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.greet(p[:n])
	return c.judge(n, err)
}

// Write looks for the greeting of a NameNode that has hung up before it could be read.
func (c *nameConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if err != nil && c.read == 0 {
		var said [greeting]byte
		k, _ := c.Conn.Read(said[:])
		c.greet(said[:k])
	}
	return c.judge(n, err)
}

// greet looks at what a NameNode says first.
func (c *nameConn) greet(said []byte) {
	if c.read < greeting && bytes.Contains(said, []byte(noSimple)) {
		c.conns.kill(errWantsKerberos)
	}
	c.read += len(said)
}

// Close is called by the library when the NameNode is in standby, before it tries the next.
func (c *nameConn) Close() error {
	c.conns.leave(errStandby)
	return c.conns.close(c.Conn)
}

var errStandby = errors.New("it is in standby")

func (c *nameConn) judge(n int, err error) (int, error) {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		c.conns.kill(err)
	}
	return n, err
}

// dataConn is a connection to a DataNode.
type dataConn struct {
	net.Conn
	from  *bufio.Reader
	conns *conns
	begun bool   // something was written
	shake *shake // nil without protection
	heard bool   // something was read
}

// dataBuffer is read at a time: a packet of a DataNode, of which the library wants pieces of a few bytes.
const dataBuffer = 64 << 10

func newDataConn(c net.Conn, of *conns) *dataConn {
	return &dataConn{Conn: c, from: bufio.NewReaderSize(c, dataBuffer), conns: of}
}

// Read makes an end of the connection an error: no DataNode ends it, and the library takes it for the end of the block.
func (c *dataConn) Read(p []byte) (n int, err error) {
	if c.shake != nil {
		err = c.shake.hears(c.from)
	}
	if err == nil {
		n, err = c.from.Read(p)
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil && !c.heard && c.shake == nil && c.conns.show != nil {
		err = fmt.Errorf("%w: so does a DataNode hang up that wants dfs.data.transfer.protection, which is not in HADOOP_CONF_DIR", err)
	}
	c.heard = true
	if err != nil {
		c.conns.breaks(err)
	}
	return n, err
}

// Write never fails: the library would leave the goroutine that waits for the DataNode's answers behind for ever. It
// hears of the failure by what it reads, and the writer by conns.broken.
func (c *dataConn) Write(p []byte) (int, error) {
	if !c.begun && bytes.HasPrefix(p, shakes) {
		c.shake = &shake{}
	}
	c.begun = true
	if c.shake != nil {
		c.shake.says()
	}
	if _, err := c.Conn.Write(p); err != nil {
		c.conns.breaks(err)
		c.Close()
	}
	return len(p), nil
}

func (c *dataConn) Close() error { return c.conns.close(c.Conn) }

// SetDeadline does nothing: the library would set none over one of ours.
func (c *dataConn) SetDeadline(time.Time) error { return nil }
