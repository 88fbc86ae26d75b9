package snap

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/hashicorp/raft"
)

// Encoder writes a checkpoint's bytes as they stand in a file, to wherever they are to go. One goroutine.
type Encoder struct {
	w     io.Writer
	buf   []byte // 8 bytes of room for a piece's head, then the piece
	next  uint64
	total int64
}

// Encode begins a checkpoint with an empty configuration, as of that raft entry. End has to follow what is written.
func Encode(w io.Writer, index, term uint64) (*Encoder, error) {
	return newEncoder(w, meta{index: index, term: term, config: raft.EncodeConfiguration(raft.Configuration{})})
}

func newEncoder(w io.Writer, m meta) (*Encoder, error) {
	_, err := w.Write(m.append(nil))
	return &Encoder{w: w, buf: make([]byte, 8, 8+pieceLen)}, err
}

func (e *Encoder) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		c := min(len(p), 8+pieceLen-len(e.buf))
		e.buf, p = append(e.buf, p[:c]...), p[c:]
		if len(e.buf) == 8+pieceLen {
			if err := e.flush(); err != nil {
				return n - len(p), err
			}
		}
	}
	return n, nil
}

func (e *Encoder) flush() error {
	piece := e.buf[8:]
	if len(piece) == 0 {
		return nil
	}
	binary.LittleEndian.PutUint32(e.buf, uint32(len(piece)))
	binary.LittleEndian.PutUint32(e.buf[4:], pieceSum(e.next, piece))
	_, err := e.w.Write(e.buf)
	e.next, e.total, e.buf = e.next+1, e.total+int64(len(piece)), e.buf[:8]
	return err
}

// End writes what is left and the end.
func (e *Encoder) End() error {
	if err := e.flush(); err != nil {
		return err
	}
	end := binary.LittleEndian.AppendUint32(nil, 0)
	_, err := e.w.Write(binary.LittleEndian.AppendUint32(end, endSum(e.next, e.total)))
	return err
}

var errBehind = errors.New("bytes behind the end")

// Decode reads the bytes of a checkpoint, which errors call name: it fails at the first byte that does not check, and is at its end
// when r is. The caller closes r.
func Decode(r io.Reader, name string) (io.Reader, error) {
	m, n, err := readMeta(r, name)
	if err != nil {
		return nil, err
	}
	return &whole{reader{r: r, index: m.index, term: m.term, name: name, off: n}}, nil
}

// whole is a reader of all that there is.
type whole struct{ reader }

func (w *whole) Read(p []byte) (int, error) {
	n, err := w.reader.Read(p)
	if err != io.EOF {
		return n, err
	}
	switch k, rerr := io.ReadFull(w.r, make([]byte, 1)); {
	case k > 0:
		return n, &DamageError{w.name, w.off, errBehind.Error()}
	case rerr != io.EOF: // what r checks itself, it tells here
		return n, rerr
	}
	return n, io.EOF
}
