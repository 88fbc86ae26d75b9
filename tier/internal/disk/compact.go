package disk

import (
	"bufio"
	"maps"
	"path/filepath"
	"slices"

	"github.com/millpond/millpond/internal/vfs"
)

// compactSlack is how many records more than two for each block the index files may have.
const compactSlack = 64 << 10

// indexDue says whether the index files have grown enough to be replaced by a snapshot.
func (d *Dir) indexDue() bool {
	d.log.file.Lock()
	broken := d.log.file.broken
	d.log.file.Unlock()
	d.compacting.Lock()
	files := len(d.logs)
	d.compacting.Unlock()
	return broken || files > 8 || d.logRecords.Load() > 2*int64(d.Blocks())+compactSlack
}

// compactIndex starts a new log and replaces the older index files by a snapshot. The snapshot is taken while the index
// changes: every change since the new log began is in that log as well, and a record is a block's whole state.
func (d *Dir) compactIndex() error {
	d.compacting.Lock()
	defer d.compacting.Unlock()
	l := &d.log.file
	l.Lock()
	gen, old := l.gen+1, l.name
	l.Unlock()
	before := d.logRecords.Load()
	if err := d.switchLog(gen); err != nil {
		return err
	}
	d.logs = append(d.logs, old)
	l.Lock()
	upto := l.written
	l.Unlock()
	n, err := d.writeSnapshot(gen)
	if err != nil {
		return d.fail("write", err)
	}
	l.Lock()
	l.synced, l.broken = max(l.synced, upto), false
	l.Unlock()
	size := n*recordSize + headerSize
	for _, name := range d.logs {
		if fi, err := d.fs.Stat(name); err == nil {
			size -= fi.Size()
		}
		if err := d.fs.Remove(name); err != nil {
			d.report(d.fail("remove", err)) // Open removes it
		}
	}
	d.logs = []string{filepath.Join(d.path, indexName(snapshotMagic, gen))}
	d.logRecords.Add(n - before)
	d.space.Lock()
	d.space.used += size
	d.space.Unlock()
	d.count.compactions.Add(1)
	return nil
}

// writeSnapshot publishes the index as of some instants since the call and returns the number of records.
func (d *Dir) writeSnapshot(gen uint64) (n int64, err error) {
	name := filepath.Join(d.path, indexName(snapshotMagic, gen))
	aside := name + ".tmp"
	f, err := d.newIndexFile(aside, snapshotMagic, gen)
	if err != nil {
		return 0, err
	}
	if n, err = d.snapshotRecords(f, gen); err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = d.fs.Rename(aside, name)
	}
	if err != nil {
		_ = d.fs.Remove(aside)
		return 0, err
	}
	return n, d.fs.SyncDir(d.path)
}

func (d *Dir) snapshotRecords(f vfs.File, gen uint64) (n int64, err error) {
	w := bufio.NewWriterSize(&offsetWriter{f, headerSize}, 1<<20)
	var buf []byte
	put := func(r *record) {
		buf = appendRecord(buf, r, gen)
		n++
	}
	for i := range d.index.shard {
		s := &d.index.shard[i]
		buf = buf[:0]
		s.mu.RLock()
		for local := range s.used {
			if e := s.at(local); e.live() {
				put(e.record())
			}
		}
		s.mu.RUnlock()
		if _, err := w.Write(buf); err != nil {
			return n, err
		}
	}
	buf = buf[:0]
	d.space.Lock()
	segments := *d.segments.Load()
	for _, id := range slices.Sorted(maps.Keys(segments)) {
		if segments[id].durable {
			put(&record{kind: kindSealed, place: place{seg: id}})
		}
	}
	d.space.Unlock()
	put(&record{kind: kindEnd, sum: uint64(n)})
	if _, err := w.Write(buf); err != nil {
		return n, err
	}
	return n, w.Flush()
}

type offsetWriter struct {
	f   vfs.File
	off int64
}

func (w *offsetWriter) Write(p []byte) (int, error) {
	n, err := w.f.WriteAt(p, w.off)
	w.off += int64(n)
	return n, err
}
