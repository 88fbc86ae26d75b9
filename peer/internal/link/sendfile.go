package link

import (
	"fmt"
	"io"
	"os"
	"sync"
)

// SendFile sends the n bytes of f from off, by sendfile where the system has that. They are whole pieces, of 64 KiB each
// counted from the block's start (the block's last one may be shorter), and sums has the XXH3 of each, as it is kept
// with the file: the caller of ReadBlock verifies them. A range that begins or ends within a piece is for Lend or Write, by
// who can verify the piece. f's own offset is not moved. An error of f is told to the caller, too.
func (w *BlockWriter) SendFile(f *os.File, off, n int64, sums []uint64) error {
	if err := w.flush(false); err != nil {
		return err
	}
	if err := w.checkSums(n, sums); err != nil {
		return err
	}
	if err := w.take(n); err != nil {
		return err
	}
	send := w.copyFile
	if w.q.s.out.sock != nil {
		send = w.sendFile
	}
	for n > 0 && w.err == nil {
		m := min(n, maxData)
		k := countPieces(w.pos(), m)
		send(f, off, int(m), sums[:k])
		off, n, sums = off+m, n-m, sums[k:]
	}
	return w.err
}

// buffers hold what goes from a file to a connection that does not take it by itself.
var buffers = sync.Pool{New: func() any { return new([maxData]byte) }}

// copyFile sends one frame through memory.
func (w *BlockWriter) copyFile(f *os.File, off int64, n int, sums []uint64) {
	buf := buffers.Get().(*[maxData]byte)
	defer buffers.Put(buf)
	b := buf[:n]
	if _, err := f.ReadAt(b, off); err != nil {
		w.err = fileError(err)
		return
	}
	if !w.begin() {
		return
	}
	out := w.q.s.out
	defer out.end()
	w.err = out.write(w.head(sums, n), b)
	w.count(n)
}

// sendFile sends one frame from the file to the socket.
func (w *BlockWriter) sendFile(f *os.File, off int64, n int, sums []uint64) {
	if !w.begin() {
		return
	}
	out := w.q.s.out
	defer out.end()
	out.renew()
	done, err := sendFile(out.sock, w.head(sums, n), f, off, n)
	out.spliced.sent(done)
	if w.err = out.check(err); err == nil && done < n {
		w.err = w.sendRest(f, off+int64(done), n-done)
	}
	w.count(n)
}

// sendRest sends what is left of a frame through memory: not every file system gives a file to a socket. The frame's length stands before
// its bytes: if the file fails or ends within them, zeros stand in, which do not match the sums.
func (w *BlockWriter) sendRest(f *os.File, off int64, n int) error {
	buf := buffers.Get().(*[maxData]byte)
	defer buffers.Put(buf)
	got, failed := f.ReadAt(buf[:n], off)
	clear(buf[got:n])
	if err := w.q.s.out.write(buf[:n]); err != nil {
		return err
	}
	if failed != nil && got < n {
		return fileError(failed)
	}
	return nil
}

func fileError(err error) error {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("file of a block: %w", err)
}
