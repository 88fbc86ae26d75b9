package snap

import (
	"encoding/binary"
	"os"

	"github.com/millpond/millpond/internal/vfs"
)

// sink writes one checkpoint aside and publishes it at Close.
type sink struct {
	store *Store
	index uint64
	id    string
	aside string
	f     vfs.File
	buf   []byte // 8 bytes of room for a piece's head, then the piece
	next  uint64
	total int64
	size  int64
	done  bool
}

func (s *Store) newSink(m meta) (*sink, error) {
	id := fileName(m.index)
	k := &sink{store: s, index: m.index, id: id, aside: s.path(id) + asideSuffix, buf: make([]byte, 8, 8+pieceLen)}
	f, err := s.fsys.OpenFile(k.aside, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	k.f = f
	if err := k.put(m.append(nil)); err != nil {
		_ = k.Cancel()
		return nil, err
	}
	return k, nil
}

func (k *sink) ID() string { return k.id }

// Index is the last raft entry in the checkpoint.
func (k *sink) Index() uint64 { return k.index }

func (k *sink) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		c := min(len(p), 8+pieceLen-len(k.buf))
		k.buf, p = append(k.buf, p[:c]...), p[c:]
		if len(k.buf) == 8+pieceLen {
			if err := k.flush(); err != nil {
				return n - len(p), err
			}
		}
	}
	return n, nil
}

func (k *sink) put(b []byte) error {
	n, err := k.f.Write(b)
	k.size += int64(n)
	return err
}

func (k *sink) flush() error {
	piece := k.buf[8:]
	if len(piece) == 0 {
		return nil
	}
	binary.LittleEndian.PutUint32(k.buf, uint32(len(piece)))
	binary.LittleEndian.PutUint32(k.buf[4:], pieceSum(k.next, piece))
	err := k.put(k.buf)
	k.next, k.total, k.buf = k.next+1, k.total+int64(len(piece)), k.buf[:8]
	return err
}

// Close publishes the checkpoint; after an error it is gone.
func (k *sink) Close() error {
	if k.done {
		return nil
	}
	if err := k.finish(); err != nil {
		_ = k.Cancel()
		return err
	}
	k.done = true
	return k.store.publish(k)
}

func (k *sink) finish() error {
	if err := k.flush(); err != nil {
		return err
	}
	end := binary.LittleEndian.AppendUint32(nil, 0)
	if err := k.put(binary.LittleEndian.AppendUint32(end, endSum(k.next, k.total))); err != nil {
		return err
	}
	if k.store.o.NoSync {
		return nil
	}
	return k.f.Sync()
}

// Cancel drops what was written.
func (k *sink) Cancel() error {
	if k.done {
		return nil
	}
	k.done = true
	_ = k.f.Close()
	return k.store.fsys.Remove(k.aside)
}
