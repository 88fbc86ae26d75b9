package link

import (
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"
)

// runBytes are read with one call at most, so that they are verified while they are in L2; and a reader sleeps for so many
// of a long body, so that a sender that is slower wakes it four times a MiB and not for every packet (of TCP: a Unix socket wakes whenever
// bytes come).
const runBytes = 4 * pieceLen

// aheadBytes are more than TLS may have read ahead from the connection below it: two of its records.
const aheadBytes = 2 * pieceLen

// source reads frames from a connection: heads through a small buffer, bodies straight to where they belong. It is its
// connection's reader goroutine's own, or that of whom it lets read (own.go).
type source struct {
	conn net.Conn
	idle func() // called before a read of conn that may wait; nil: nothing is to be done
	wake int    // what conn's reader sleeps for, if that was changed
	r, w int
	room [roomBytes]byte
	wide *[wideBytes]byte // in the place of room, while many small frames come together; nil: they do not
	last int              // bytes that the last read into the buffer brought
	long bool             // the last body was as long as room
	head [headLen]byte
	meta []byte
}

const (
	roomBytes = 8 << 10  // a block of 4 KiB and its frames come with one read
	wideBytes = 32 << 10 // and eight such with one
)

var wides = sync.Pool{New: func() any { return new([wideBytes]byte) }}

// buf is where heads and small bodies come through.
func (s *source) buf() []byte {
	if s.wide != nil {
		return s.wide[:]
	}
	return s.room[:]
}

// fit chooses the buffer, which is empty: after few bytes or a long body the small one.
func (s *source) fit() {
	switch {
	case s.wide == nil && s.last == roomBytes && !s.long:
		s.wide = wides.Get().(*[wideBytes]byte)
	case s.wide != nil && (s.last <= roomBytes || s.long):
		wides.Put(s.wide)
		s.wide = nil
	}
}

// expect says that n more bytes of a body are to come. It is called before each read of some of them, so that the last one,
// and what follows, sleep for a byte.
func (s *source) expect(n int) {
	wake := 1
	if n-s.buffered() >= runBytes+aheadBytes {
		wake = runBytes
	}
	if wake == max(s.wake, 1) {
		return
	}
	if tcp, ok := socketBelow(s.conn).(*net.TCPConn); ok {
		wakeAt(tcp, wake)
		s.wake = wake
	}
}

// Read reads what is buffered; if nothing is, a short p through the buffer, a long one directly.
func (s *source) Read(p []byte) (int, error) {
	if s.r == s.w {
		if s.idle != nil {
			s.idle()
		}
		if len(p) >= roomBytes {
			return s.conn.Read(p)
		}
		if err := s.fill(); s.w == 0 {
			return 0, err
		}
	}
	n := copy(p, s.buf()[s.r:s.w])
	s.r += n
	return n, nil
}

func (s *source) buffered() int { return s.w - s.r }

// holds reports whether a frame of request id has begun in the buffer: its head and meta are there, and its body unless it is a block's bytes,
// whose reading may be interrupted. If not, more says whether one may have when more has come.
func (s *source) holds(id uint64) (begun, more bool) {
	b := s.buf()[s.r:s.w]
	if len(b) < headLen {
		return false, true
	}
	h, err := parseHead(b)
	if err != nil || h.id != id {
		return false, false
	}
	n := headLen + h.meta
	if h.kind != kindData {
		n += h.body
	}
	return n <= len(b), n <= len(s.buf())
}

// fill reads once into the buffer, which has room for more.
func (s *source) fill() error {
	if s.r == s.w {
		s.r, s.w = 0, 0
		s.fit()
	}
	buf := s.buf()
	if s.r > 0 {
		s.r, s.w = 0, copy(buf, buf[s.r:s.w])
	}
	n, err := s.conn.Read(buf[s.w:])
	s.w += n
	s.last = n
	if n > 0 {
		return nil
	}
	return err
}

// next reads a frame's head and meta, which is valid until the next call. The end of the connection between two frames
// is io.EOF, within one a FrameError.
func (s *source) next() (head, []byte, error) {
	if _, err := io.ReadFull(s, s.head[:]); err != nil {
		return head{}, nil, truncated(err)
	}
	h, err := parseHead(s.head[:])
	if err != nil {
		return h, nil, err
	}
	if h.body > 0 {
		s.long = h.body >= roomBytes
	}
	if cap(s.meta) < h.meta {
		s.meta = make([]byte, max(h.meta, 512))
	}
	meta := s.meta[:h.meta]
	if _, err := io.ReadFull(s, meta); err != nil {
		return h, nil, within(err)
	}
	return h, meta, checkHead(s.head[:], meta)
}

// firstGrow is allocated for a body at once; a longer one grows as its bytes come, so that a length alone costs little.
const firstGrow = 1 << 20

// body reads n bytes that have the sum. A sender that stalls within them for longer than stall loses the connection; 0:
// it may take any time.
func (s *source) body(n int, sum uint64, stall time.Duration) ([]byte, error) {
	if stall > 0 && n > s.w-s.r {
		defer s.conn.SetReadDeadline(noDeadline)
	}
	b := make([]byte, 0, min(n, firstGrow))
	for len(b) < n {
		b = slices.Grow(b, min(n-len(b), max(len(b), 1)))
		to := b[len(b):min(n, cap(b))]
		if stall > 0 && len(to) > s.w-s.r {
			s.conn.SetReadDeadline(time.Now().Add(stall))
		}
		if _, err := io.ReadFull(s, to); err != nil {
			return nil, within(err)
		}
		b = b[:len(b)+len(to)]
	}
	if xxhash.Sum64(b) != sum {
		return nil, badFrame("a body of %d bytes came changed", n)
	}
	return b, nil
}

// skip throws n bytes of a body away, from a sender who may stall within them for as long as stall.
func (s *source) skip(n int, stall time.Duration) error {
	defer s.conn.SetReadDeadline(noDeadline)
	for n > 0 {
		s.conn.SetReadDeadline(time.Now().Add(stall))
		got, err := s.discard(n)
		if err != nil {
			return within(err)
		}
		n -= got
	}
	return nil
}

// truncated tells the end within a frame from the one between two.
func truncated(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return badFrame("truncated")
	}
	return err
}

// within is truncated for what follows a head.
func within(err error) error {
	if errors.Is(err, io.EOF) {
		return badFrame("truncated")
	}
	return truncated(err)
}

// discard throws away at most n bytes.
func (s *source) discard(n int) (int, error) {
	if s.r < s.w {
		n = min(n, s.w-s.r)
		s.r += n
		return n, nil
	}
	got, err := s.conn.Read(s.buf()[:min(n, roomBytes)])
	if got > 0 {
		return got, nil
	}
	return 0, err
}
