package link

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"time"
)

// callMeta stands in front of a call's request.
type callMeta struct {
	timeout time.Duration // until the caller's deadline; 0: none
	sum     uint64        // of the body
	method  string
}

func appendCall(b []byte, id uint64, m callMeta, body int) []byte {
	at := len(b)
	b = beginFrame(b, kindCall, id)
	b = binary.BigEndian.AppendUint32(b, millis(m.timeout))
	b = binary.BigEndian.AppendUint64(b, m.sum)
	b = appendStr8(b, m.method)
	return endFrame(b, at, body)
}

func parseCall(b []byte) (m callMeta, err error) {
	f := fields{b: b}
	m.timeout = time.Duration(f.u32()) * time.Millisecond
	m.sum = f.u64()
	m.method = f.str8()
	return m, f.finish()
}

// readMeta asks for a range of a block.
type readMeta struct {
	timeout time.Duration
	req     BlockRequest
}

func appendRead(b []byte, id uint64, m readMeta) []byte {
	at := len(b)
	b = beginFrame(b, kindRead, id)
	b = binary.BigEndian.AppendUint32(b, millis(m.timeout))
	b = append(b, m.req.Key[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(m.req.Off))
	b = binary.BigEndian.AppendUint64(b, uint64(m.req.Length))
	b = append(b, flag(m.req.Fill))
	b = binary.BigEndian.AppendUint16(b, uint16(len(m.req.Hint)))
	b = append(b, m.req.Hint...)
	return endFrame(b, at, 0)
}

func parseRead(b []byte) (m readMeta, err error) {
	f := fields{b: b}
	m.timeout = time.Duration(f.u32()) * time.Millisecond
	copy(m.req.Key[:], f.take(len(m.req.Key)))
	m.req.Off, m.req.Length = int64(f.u64()), int64(f.u64())
	fill := f.u8()
	m.req.Fill = fill == 1
	m.req.Hint = f.bytes()
	if err := f.finish(); err != nil {
		return m, err
	}
	if fill > 1 || m.req.check() != nil {
		return m, badFrame("read of %d bytes at %d, flag %d", m.req.Length, m.req.Off, fill)
	}
	return m, nil
}

// check refuses what no frame may carry.
func (r *BlockRequest) check() error {
	if r.Off < 0 || r.Length < 0 || r.Length > MaxBlock || r.Off > 1<<62 || len(r.Hint) > MaxHint {
		return ErrTooLarge
	}
	return nil
}

// How an error is told.
const (
	failOther    = 0 // code and text
	failMissing  = 1
	failDeadline = 2 // the one that the caller gave
	failLarge    = 3
)

func appendError(b []byte, id uint64, err error, timed bool) []byte {
	at := len(b)
	b = beginFrame(b, kindError, id)
	how, code, text := describe(err, timed)
	b = append(b, how)
	b = binary.BigEndian.AppendUint32(b, code)
	b = append(b, text[:min(len(text), maxText)]...)
	return endFrame(b, at, 0)
}

// describe says how err is told. That the handler ran into a deadline is the caller's only if it gave one.
func describe(err error, timed bool) (how byte, code uint32, text string) {
	text = err.Error()
	if r, ok := errors.AsType[*RemoteError](err); ok {
		return failOther, r.Code, r.Text
	}
	switch {
	case errors.Is(err, ErrMissing):
		return failMissing, 0, text
	case timed && errors.Is(err, context.DeadlineExceeded):
		return failDeadline, 0, text
	case errors.Is(err, ErrTooLarge):
		return failLarge, 0, text
	}
	return failOther, 0, text
}

// parseError returns the error that was told, and one of the frame itself.
func parseError(b []byte) (told, err error) {
	f := fields{b: b}
	how, code := f.u8(), f.u32()
	text := string(f.rest())
	if f.err != nil {
		return nil, f.err
	}
	switch how {
	case failOther:
		return &RemoteError{Code: code, Text: text}, nil
	case failMissing:
		return ErrMissing, nil
	case failDeadline:
		return context.DeadlineExceeded, nil
	case failLarge:
		return ErrTooLarge, nil
	}
	return nil, badFrame("unknown failure %d", how)
}

func appendAnswer(b []byte, id, sum uint64, body int) []byte {
	at := len(b)
	b = beginFrame(b, kindAnswer, id)
	b = binary.BigEndian.AppendUint64(b, sum)
	return endFrame(b, at, body)
}

func parseAnswer(b []byte) (sum uint64, err error) {
	f := fields{b: b}
	sum = f.u64()
	return sum, f.finish()
}

func appendCancel(b []byte, id uint64) []byte {
	at := len(b)
	return endFrame(beginFrame(b, kindCancel, id), at, 0)
}

// dataMeta stands in front of bytes of a block.
type dataMeta struct {
	off  int64               // of the body in what was asked for
	sums [maxPieces * 8]byte // of the body's pieces, as they came
	n    int
}

func (m *dataMeta) sum(i int) uint64 { return binary.BigEndian.Uint64(m.sums[8*i:]) }

func appendData(b []byte, id uint64, off int64, sums []uint64, body int) []byte {
	at := len(b)
	b = beginFrame(b, kindData, id)
	b = binary.BigEndian.AppendUint64(b, uint64(off))
	for _, s := range sums {
		b = binary.BigEndian.AppendUint64(b, s)
	}
	return endFrame(b, at, body)
}

func parseData(b []byte) (m dataMeta, err error) {
	f := fields{b: b}
	m.off = int64(f.u64())
	if f.err != nil || len(f.b)%8 != 0 || len(f.b) > len(m.sums) {
		return m, badFrame("data with a meta of %d bytes", len(b))
	}
	m.n = copy(m.sums[:], f.b) / 8
	return m, nil
}

// maxHolders bounds what a block's end tells: a reader asks a few others at most.
const maxHolders = 64

func appendEnd(b []byte, id uint64, total int64, holders []string) []byte {
	at := len(b)
	b = beginFrame(b, kindEnd, id)
	b = binary.BigEndian.AppendUint64(b, uint64(total))
	holders = holders[:min(len(holders), maxHolders)]
	b = append(b, byte(len(holders)))
	for _, h := range holders {
		b = appendStr8(b, h)
	}
	return endFrame(b, at, 0)
}

func parseEnd(b []byte) (total int64, holders []string, err error) {
	f := fields{b: b}
	total = int64(f.u64())
	n := int(f.u8())
	if n > maxHolders {
		return 0, nil, badFrame("%d holders: want at most %d", n, maxHolders)
	}
	for range n {
		if f.err != nil {
			break
		}
		holders = append(holders, f.str8())
	}
	return total, holders, f.finish()
}

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// millis rounds up, so that a caller's deadline is never early; 0 stays 0: none.
func millis(d time.Duration) uint32 {
	ms := (max(d, 0) + time.Millisecond - 1) / time.Millisecond
	return uint32(min(ms, math.MaxUint32))
}

// timeLeft is what travels of a context's deadline; 0: none. A deadline that has passed is told as a millisecond.
func timeLeft(ctx context.Context) time.Duration {
	if t, ok := ctx.Deadline(); ok {
		return max(time.Until(t), time.Millisecond)
	}
	return 0
}
