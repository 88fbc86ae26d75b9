package link

import (
	"context"
	"net"
	"time"
)

// What tests of strangers and liars need: a connection that is let in, and frames that nobody would send.

// DialFrames returns a frame connection to node id after its handshake.
func (e *Endpoint) DialFrames(ctx context.Context, id string) (net.Conn, error) {
	a, err := e.dial(ctx, id, protoFrames, "")
	if err != nil {
		return nil, err
	}
	return a.conn, nil
}

// Admit does the server's part of the handshake.
func (e *Endpoint) Admit(conn net.Conn) (net.Conn, error) {
	a, err := e.answerCall(conn)
	if err != nil {
		return nil, err
	}
	return a.conn, nil
}

const (
	KindCall = kindCall
	KindData = kindData
	HeadLen  = headLen
	Requests = 64
)

func CallFrame(id uint64, timeout time.Duration, sum uint64, method string, body []byte) []byte {
	return append(appendCall(nil, id, callMeta{timeout: timeout, sum: sum, method: method}, len(body)), body...)
}

func ReadFrame(id uint64, timeout time.Duration, r BlockRequest) []byte {
	return appendRead(nil, id, readMeta{timeout: timeout, req: r})
}

func CancelFrame(id uint64) []byte { return appendCancel(nil, id) }

func AnswerFrame(id, sum uint64, body []byte) []byte {
	return append(appendAnswer(nil, id, sum, len(body)), body...)
}

func ErrorFrame(id uint64, err error, timed bool) []byte { return appendError(nil, id, err, timed) }

func DataFrame(id uint64, off int64, sums []uint64, body []byte) []byte {
	return append(appendData(nil, id, off, sums, len(body)), body...)
}

func EndFrame(id uint64, total int64, holders []string) []byte {
	return appendEnd(nil, id, total, holders)
}

// Seal makes a frame's check right again.
func Seal(frame []byte, meta int) []byte {
	f := append([]byte(nil), frame[:headLen+meta]...)
	sum := headSum(f, f[headLen:])
	for i := range 8 {
		f[16+i] = byte(sum >> (56 - 8*i))
	}
	return append(f, frame[headLen+meta:]...)
}
