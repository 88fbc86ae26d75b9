package snap

import (
	"io"
	"os"

	"github.com/millpond/millpond/internal/vfs"
)

// syncEvery is after how many bytes of a checkpoint it is synced: all of it at the end would hold up the log's syncs on the same disk for as
// long as it takes to write a gigabyte.
const syncEvery = 8 << 20

// syncer writes to a file and syncs it on the way.
type syncer struct {
	vfs.File
	dirty int // bytes since the last sync
}

func (s *syncer) Write(p []byte) (int, error) {
	n, err := s.File.Write(p)
	if s.dirty += n; err == nil && s.dirty >= syncEvery {
		s.dirty, err = 0, s.Sync()
	}
	return n, err
}

// sink writes one checkpoint aside and publishes it at Close.
type sink struct {
	*Encoder
	store *Store
	index uint64
	id    string
	aside string
	f     vfs.File
	done  bool
}

func (s *Store) newSink(m meta) (*sink, error) {
	id := fileName(m.index)
	k := &sink{store: s, index: m.index, id: id, aside: s.path(id) + asideSuffix}
	f, err := s.fsys.OpenFile(k.aside, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	k.f = f
	w := io.Writer(&syncer{File: f})
	if s.o.NoSync {
		w = f
	}
	if k.Encoder, err = newEncoder(w, m); err != nil {
		_ = k.Cancel()
		return nil, err
	}
	return k, nil
}

func (k *sink) ID() string { return k.id }

// Index is the last raft entry in the checkpoint.
func (k *sink) Index() uint64 { return k.index }

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
	if err := k.End(); err != nil || k.store.o.NoSync {
		return err
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
