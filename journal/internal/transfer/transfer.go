// Package transfer is a checkpoint on its way to another node, numbers little-endian:
//
//	+-----------+----------+------------------+------------------+--------+-----------
//	| index u64 | term u64 | config index u64 | config len u32   | config | pieces...       index 0: there is none
//	+-----------+----------+------------------+------------------+--------+-----------
//	piece: | len u32 | CRC-32C u32 | bytes |                                              len 0: the end
//
// Config is raft's. The pieces together are the checkpoint's stream, as the state machine and package journal wrote it.
package transfer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"time"

	"github.com/hashicorp/raft"
)

const (
	headLen   = 28
	pieceLen  = 256 << 10
	maxConfig = 1 << 20
	// patience is how long one piece may take: a disk that is busy, not a node that is gone.
	patience = 10 * time.Second
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var (
	// ErrFormat says that what came is no checkpoint.
	ErrFormat = errors.New("not a checkpoint's stream")
	// ErrNone says that the other node has no checkpoint.
	ErrNone = errors.New("it has no checkpoint")
)

// Receive reads what the checkpoint is; ReceiveTo reads the rest.
func Receive(conn net.Conn) (m raft.SnapshotMeta, err error) {
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return m, err
	}
	var h [headLen]byte
	if _, err := io.ReadFull(conn, h[:]); err != nil {
		return m, err
	}
	n := binary.LittleEndian.Uint32(h[24:])
	m.Index, m.Term = binary.LittleEndian.Uint64(h[:]), binary.LittleEndian.Uint64(h[8:])
	m.ConfigurationIndex = binary.LittleEndian.Uint64(h[16:])
	switch {
	case m.Index == 0:
		return m, ErrNone
	case n > maxConfig:
		return m, ErrFormat
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(conn, b); err != nil {
		return m, err
	}
	defer func() {
		if recover() != nil { // raft panics on what it cannot decode
			err = ErrFormat
		}
	}()
	m.Configuration = raft.DecodeConfiguration(b)
	return m, nil
}

// ReceiveTo writes the checkpoint to w, as it comes. Its bytes are all there, and right, if there is no error.
func ReceiveTo(w io.Writer, conn net.Conn) (total int64, err error) {
	buf := make([]byte, pieceLen)
	for {
		if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
			return total, err
		}
		var h [8]byte
		if err := readFull(conn, h[:]); err != nil {
			return total, err
		}
		n := binary.LittleEndian.Uint32(h[:])
		if n == 0 {
			return total, nil
		}
		if n > pieceLen {
			return total, ErrFormat
		}
		p := buf[:n]
		if err := readFull(conn, p); err != nil {
			return total, err
		}
		if crc32.Checksum(p, castagnoli) != binary.LittleEndian.Uint32(h[4:]) {
			return total, fmt.Errorf("%w: checksum mismatch at %d", ErrFormat, total)
		}
		if _, err := w.Write(p); err != nil {
			return total, err
		}
		total += int64(n)
	}
}

// readFull takes an end between two pieces for what it is: the other side is gone.
func readFull(r io.Reader, p []byte) error {
	_, err := io.ReadFull(r, p)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// Send sends a checkpoint, of which r gives the bytes. A nil m says that there is none.
func Send(conn net.Conn, m *raft.SnapshotMeta, r io.Reader) error {
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if m == nil {
		_, err := conn.Write(make([]byte, headLen))
		return err
	}
	conf := raft.EncodeConfiguration(m.Configuration)
	b := binary.LittleEndian.AppendUint64(nil, m.Index)
	b = binary.LittleEndian.AppendUint64(b, m.Term)
	b = binary.LittleEndian.AppendUint64(b, m.ConfigurationIndex)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(conf)))
	if _, err := conn.Write(append(b, conf...)); err != nil {
		return err
	}
	return sendPieces(conn, r)
}

func sendPieces(conn net.Conn, r io.Reader) error {
	buf := make([]byte, 8+pieceLen)
	for {
		n, err := io.ReadFull(r, buf[8:])
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			return err // the stream ends without its end
		}
		binary.LittleEndian.PutUint32(buf, uint32(n))
		binary.LittleEndian.PutUint32(buf[4:], crc32.Checksum(buf[8:8+n], castagnoli))
		if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
			return err
		}
		if _, err := conn.Write(buf[:8+n]); err != nil {
			return err
		}
		if n == 0 {
			return nil
		}
	}
}
