package link

import (
	"crypto/tls"
	"net"
	"sync"
)

// records is the connection below TLS, which writes each of its records, of 16 KiB, by itself: for as long as a sink holds
// them, several are written at once. That is a copy more of each byte, and less than three quarters of the time.
//
// Write is called with TLS's own lock, hold and flush by who has the sink's turn: beside a flush there may be a Write of an alert, when the
// connection is closed, or of a new key. It waits for nothing, so that neither does Close.
type records struct {
	net.Conn
	mu struct {
		sync.Mutex
		holds  bool
		held   *[]byte // nil: nothing is
		failed error   // of a write: then nobody reads, and Close is not to wait for that with an alert
	}
}

// heldBytes are four records, and so are about a segment within one host.
const heldBytes = 4 * (16<<10 + 256)

var heldRecords = sync.Pool{New: func() any { b := make([]byte, 0, heldBytes); return &b }}

// recordsBelow are those of conn, nil if it is not under TLS.
func recordsBelow(conn net.Conn) *records {
	if t, ok := conn.(*tls.Conn); ok {
		r, _ := t.NetConn().(*records)
		return r
	}
	return nil
}

// hold keeps what is written from now on; flush follows.
func (r *records) hold() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.holds = true
}

// flush writes what is held, and holds nothing more.
func (r *records) flush() error {
	for {
		b := r.take()
		if b == nil {
			return nil
		}
		if err := r.writeHeld(b); err != nil {
			return err
		}
	}
}

// take is nil when nothing is held; then nothing is any more.
func (r *records) take() *[]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.mu.held
	r.mu.held, r.mu.holds = nil, b != nil
	return b
}

func (r *records) writeHeld(b *[]byte) error {
	_, err := r.write(*b)
	*b = (*b)[:0]
	heldRecords.Put(b)
	return err
}

func (r *records) Write(p []byte) (int, error) {
	kept, full := r.keep(p)
	if full != nil {
		if err := r.writeHeld(full); err != nil {
			return 0, err
		}
		kept, _ = r.keep(p)
	}
	if kept {
		return len(p), nil
	}
	return r.write(p)
}

// write writes p, if all before it was written.
func (r *records) write(p []byte) (int, error) {
	if err := r.failed(); err != nil {
		return 0, err
	}
	n, err := r.Conn.Write(p)
	if err != nil {
		r.fail(err)
	}
	return n, err
}

func (r *records) failed() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mu.failed
}

func (r *records) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.failed = err
}

// keep holds p, if it is to. What has to be written first, for want of room, it gives back instead.
func (r *records) keep(p []byte) (kept bool, full *[]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.mu.holds {
		return false, nil
	}
	if b := r.mu.held; b != nil && len(*b)+len(p) > heldBytes {
		r.mu.held = nil
		return false, b
	}
	if r.mu.held == nil {
		r.mu.held = heldRecords.Get().(*[]byte)
	}
	*r.mu.held = append(*r.mu.held, p...)
	return true, nil
}
