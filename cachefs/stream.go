package cachefs

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"

	"github.com/cespare/xxhash/v2"
)

// stream is what a Client and a node say to each other while one file is written, or one job runs: frames over a connection of
// its own.
//
//	| kind 1 | 0 | length 4 | sum 8 | body |
//
// Numbers are big endian; the sum is xxhash64 of the 6 bytes in front of it and of the body. A frame that is too long, unknown
// or changed ends the connection.
type stream struct {
	conn net.Conn
	out  struct {
		sync.Mutex
		head [streamHead]byte
	}
}

// frameKind says what a frame is.
type frameKind uint8

const (
	frameRequest  frameKind = 1 // of the client, first: a clientRequest
	frameData     frameKind = 2 // of the client: bytes of the file
	frameClose    frameKind = 3 // of the client: make the file complete
	framePing     frameKind = 4 // of the client: it lives
	frameReady    frameKind = 5 // of the node: a clientReply; what was asked for has begun
	frameTaken    frameKind = 6 // of the node: the bytes of one frameData are written
	frameProgress frameKind = 7 // of the node: how far a job is
	frameEnd      frameKind = 8 // of the node, last: a clientReply
	frameAbort    frameKind = 9 // of the client: give the file up
)

const (
	streamHead  = 14
	streamPiece = 128 << 10 // bytes in a frameData at most
	streamText  = 1 << 20   // of any other: options, errors of a job
	streamAhead = 4         // frameData that the node has not written yet, at most: so much memory each writer takes there
)

// most is the longest body of a kind; there is no such kind if not ok.
func (k frameKind) most() (size int, ok bool) {
	switch k {
	case frameData:
		return streamPiece, true
	case frameRequest, frameReady, frameProgress, frameEnd:
		return streamText, true
	case frameClose, frameAbort, framePing, frameTaken:
		return 0, true
	}
	return 0, false
}

// send writes a frame. Any goroutine may.
func (s *stream) send(k frameKind, body []byte) error {
	s.out.Lock()
	defer s.out.Unlock()
	h := s.out.head[:]
	h[0], h[1] = byte(k), 0
	binary.BigEndian.PutUint32(h[2:], uint32(len(body)))
	binary.BigEndian.PutUint64(h[6:], streamSum(h[:6], body))
	bufs := net.Buffers{h, body}
	_, err := bufs.WriteTo(s.conn)
	return err
}

// say is send of a message.
func (s *stream) say(k frameKind, v any) error {
	b, err := message(v)
	if err != nil {
		return err
	}
	return s.send(k, b)
}

// message is the body of a frame; ErrInvalid if it is longer than one may be.
func message(v any) ([]byte, error) {
	b, err := encodeWire(v)
	if err == nil && len(b) > streamText {
		err = invalid("a message of %d bytes; %d will do", len(b), streamText)
	}
	return b, err
}

func streamSum(head, body []byte) uint64 {
	var d xxhash.Digest
	d.Reset()
	d.Write(head)
	d.Write(body)
	return d.Sum64()
}

// pieces are places for the bodies of frameData.
var pieces = sync.Pool{New: func() any { return new([streamPiece]byte) }}

// givePiece takes back the body of a frameData that nobody uses any more.
func givePiece(body []byte) { pieces.Put((*[streamPiece]byte)(body[:streamPiece])) }

// readFrame reads the next frame. The body of a frameData is one of the pieces. One goroutine reads.
func readFrame(r io.Reader) (k frameKind, body []byte, err error) {
	var h [streamHead]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return 0, nil, err
	}
	k = frameKind(h[0])
	size := int(binary.BigEndian.Uint32(h[2:]))
	if most, ok := k.most(); !ok || h[1] != 0 || size > most {
		return 0, nil, fmt.Errorf("%w: a frame of kind %d with %d bytes", ErrInvalid, k, size)
	}
	if k == frameData {
		body = pieces.Get().(*[streamPiece]byte)[:size]
	} else {
		body = make([]byte, size)
	}
	if _, err := io.ReadFull(r, body); err != nil {
		return 0, nil, noEOF(err)
	}
	if streamSum(h[:6], body) != binary.BigEndian.Uint64(h[6:]) {
		return 0, nil, fmt.Errorf("%w: a frame of kind %d came changed", ErrInvalid, k)
	}
	return k, body, nil
}

// noEOF is err within a frame, where the end is not one.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
