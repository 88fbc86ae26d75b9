package cachefs

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net"
	"slices"
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

// ErrorToWire is err as it is sent.
func ErrorToWire(err error) []byte {
	b, encodeErr := encodeWire(errorToWire(err))
	if encodeErr != nil {
		panic(encodeErr)
	}
	return b
}

// ErrorFromWire is the error of such bytes, or why they are none.
func ErrorFromWire(b []byte) error {
	var w *wireError
	if err := decodeWire(b, &w); err != nil {
		return err
	}
	return w.error()
}

// ClientMethods are the calls that a Client may make.
func ClientMethods() []string { return slices.Sorted(maps.Keys(clientCalls)) }

// ServeClient answers a Client's call.
func ServeClient(ctx context.Context, n *Node, method string, raw []byte) ([]byte, error) {
	return clientCalls[method](ctx, n, raw)
}

// ClientStat is a request as a Client sends it: to describe what path names.
func ClientStat(path string) []byte {
	b, err := encodeWire(clientRequest[pathArgs[StatOptions]]{Args: pathArgs[StatOptions]{Path: []byte(path)}})
	if err != nil {
		panic(err)
	}
	return b
}

// DecodeClientReply is whether a Client can read an answer.
func DecodeClientReply(b []byte) error {
	var r clientReply[none]
	return decodeWire(b, &r)
}

// ReadClientHint is whether a node can read which file a Client has open.
func ReadClientHint(b []byte) error {
	var h openHint
	return decodeWire(b, &h)
}
