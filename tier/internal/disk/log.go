package disk

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/millpond/millpond/internal/vfs"
)

// indexLog is the append-only file of changes to the index. Lock order: a shard's mutex, then mu; file, then mu.
type indexLog struct {
	mu struct {
		sync.Mutex
		buf      []record // not written yet
		appended uint64   // records since Open
	}
	file struct { // held while writing, syncing and switching
		sync.Mutex
		f       vfs.File
		name    string
		gen     uint64
		off     int64
		taken   []record // taken out of buf; not written yet if the last write failed
		bytes   []byte   // their encoding
		written uint64
		synced  uint64
		broken  bool // a sync failed: nothing is durable before a snapshot is
	}
}

func indexName(magic string, gen uint64) string {
	if magic == snapshotMagic {
		return fmt.Sprintf("snapshot-%016x", gen)
	}
	return fmt.Sprintf("log-%016x", gen)
}

func parseIndexName(name string) (magic string, gen uint64, ok bool) {
	kind, hex, _ := strings.Cut(name, "-")
	gen, err := strconv.ParseUint(hex, 16, 64)
	if err != nil || len(hex) != 16 {
		return "", 0, false
	}
	switch kind {
	case "log":
		return logMagic, gen, true
	case "snapshot":
		return snapshotMagic, gen, true
	}
	return "", 0, false
}

// append adds a record; the caller holds the lock of the block's shard, so that the log has changes in their order. A block that comes
// or moves is shown afterwards: who finds it takes no lock, and Sync takes the log's last record to be no older than what it found. It
// returns the number of the record.
func (l *indexLog) append(r *record) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.buf = append(l.mu.buf, *r)
	l.mu.appended++
	return l.mu.appended
}

func (l *indexLog) last() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.appended
}

// writeLog writes the records up to n, and those that came after it, to the file: they survive this process.
func (d *Dir) writeLog(n uint64) error {
	d.log.file.Lock()
	defer d.log.file.Unlock()
	if d.log.file.written >= n {
		return nil
	}
	return d.writeLogLocked()
}

// syncLog makes the records up to n durable. Callers that wait together share one sync. A log whose sync failed is
// replaced: the system may have thrown its dirty pages away, and says so only once.
func (d *Dir) syncLog(n uint64) error {
	d.log.file.Lock()
	switch {
	case d.log.file.synced >= n:
		d.log.file.Unlock()
		return nil
	case !d.log.file.broken:
		defer d.log.file.Unlock()
		return d.syncLogLocked()
	}
	d.log.file.Unlock()
	if err := d.compactIndex(); err != nil {
		return err
	}
	d.log.file.Lock()
	defer d.log.file.Unlock()
	if d.log.file.synced >= n {
		return nil
	}
	return d.syncLogLocked()
}

func (d *Dir) syncLogLocked() error {
	l := &d.log.file
	if err := d.writeLogLocked(); err != nil {
		return err
	}
	if l.synced == l.written {
		return nil
	}
	if _, err := d.fs.Stat(l.name); err != nil { // what is synced into a file without a name is lost with the process
		return d.fail("open", err)
	}
	if err := l.f.Sync(); err != nil {
		l.broken = true
		d.wake()
		return d.fail("sync", err)
	}
	l.synced = l.written
	return nil
}

// writeLogLocked writes what was appended. What could not be written is kept and written at the same place next time.
func (d *Dir) writeLogLocked() error {
	l := &d.log.file
	d.log.mu.Lock()
	upto := d.log.mu.appended
	if len(l.taken) == 0 {
		l.taken, d.log.mu.buf = d.log.mu.buf, l.taken[:0]
	} else {
		l.taken, d.log.mu.buf = append(l.taken, d.log.mu.buf...), d.log.mu.buf[:0]
	}
	d.log.mu.Unlock()
	if len(l.taken) == 0 {
		return nil
	}
	l.bytes = l.bytes[:0]
	for i := range l.taken {
		l.bytes = appendRecord(l.bytes, &l.taken[i], l.gen)
	}
	if _, err := l.f.WriteAt(l.bytes, l.off); err != nil {
		return d.fail("write", err)
	}
	n := int64(len(l.bytes))
	l.off += n
	l.taken = l.taken[:0]
	l.written = upto
	d.space.Lock()
	d.space.used += n
	d.space.Unlock()
	d.logRecords.Add(n / recordSize)
	return nil
}

// switchLog makes a new, durable file the one that is appended to. What was written to the old one is durable when it
// returns nil, or the log stays broken until a snapshot is published.
func (d *Dir) switchLog(gen uint64) error {
	l := &d.log.file
	l.Lock()
	defer l.Unlock()
	if l.f != nil && !l.broken {
		if err := d.syncLogLocked(); err != nil && !l.broken {
			return err
		}
	}
	name := filepath.Join(d.path, indexName(logMagic, gen))
	f, err := d.newIndexFile(name, logMagic, gen)
	if err == nil {
		if err = d.fs.SyncDir(d.path); err != nil {
			_ = f.Close()
			_ = d.fs.Remove(name)
		}
	}
	if err != nil {
		return d.fail("create", err)
	}
	if l.f != nil {
		_ = l.f.Close()
	}
	l.f, l.name, l.gen, l.off = f, name, gen, headerSize
	d.space.Lock()
	d.space.used += headerSize
	d.space.Unlock()
	return nil
}

// newIndexFile creates a file with a durable header.
func (d *Dir) newIndexFile(name, magic string, gen uint64) (vfs.File, error) {
	f, err := d.fs.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	if _, err = f.WriteAt(appendHeader(nil, magic, gen), 0); err == nil {
		err = f.Sync()
	}
	if err != nil {
		_ = f.Close()
		_ = d.fs.Remove(name)
		return nil, err
	}
	return f, nil
}
