package cachefs

import (
	"bytes"
	"io"
	"net"
)

// writeConn is a connection that only takes bytes.
type writeConn struct {
	net.Conn
	bytes.Buffer
}

func (c *writeConn) Write(p []byte) (int, error) { return c.Buffer.Write(p) }
func (c *writeConn) Read(p []byte) (int, error)  { return c.Buffer.Read(p) }

// StreamFrame is a frame as it is sent.
func StreamFrame(kind byte, body []byte) []byte {
	var c writeConn
	s := &stream{conn: &c}
	_ = s.send(frameKind(kind), body) // a buffer takes everything
	return c.Bytes()
}

// ReadStreamFrame reads a frame.
func ReadStreamFrame(r io.Reader) (kind byte, body []byte, err error) {
	k, body, err := readFrame(r)
	return byte(k), body, err
}

// ErrorOverWire is err as a Client would have it.
func ErrorOverWire(err error) error {
	b, encodeErr := encodeWire(errorToWire(err))
	if encodeErr != nil {
		return encodeErr
	}
	var w *wireError
	if decodeErr := decodeWire(b, &w); decodeErr != nil {
		return decodeErr
	}
	return w.error()
}
