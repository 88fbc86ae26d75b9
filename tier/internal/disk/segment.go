package disk

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/millpond/millpond/internal/vfs"
)

// segment is an append-only file of blocks. No byte of it is ever written twice, and no number is ever used again, so
// an index record can only mean the bytes that were written for it.
type segment struct {
	id     uint32
	packed bool // blocks lie back to back; else each starts on a page
	name   string
	f      vfs.File

	// Guarded by Dir.space.
	size    int64 // reserved so far
	live    int64 // bytes of live blocks and of blocks being written
	freed   int64 // bytes given back by holes
	writers int   // blocks reserved and not yet in the index
	sealed  bool  // nothing is appended any more
	durable bool  // the log says that it was synced after that

	done   atomic.Uint64 // writes that are complete
	broken atomic.Bool   // a sync failed: what was not durable by then may be lost
	leases atomic.Int32  // who reads the file outside of this package

	sync struct {
		sync.Mutex
		upto uint64 // writes that are durable
	}
}

// alloc is what the segment takes on disk.
func (s *segment) alloc() int64 { return pageUp(s.size) - s.freed }

// garbage is what copying the live blocks elsewhere would give back.
func (s *segment) garbage() int64 { return s.alloc() - pageUp(s.live) }

// flush makes every write durable that was complete when it was called. Callers that wait together share one sync.
func (s *segment) flush() error {
	want := s.done.Load()
	s.sync.Lock()
	defer s.sync.Unlock()
	if s.sync.upto >= want {
		return nil
	}
	upto := s.done.Load()
	if err := s.f.Sync(); err != nil {
		s.broken.Store(true)
		return err
	}
	if s.broken.Load() {
		return fmt.Errorf("segment %s: an earlier sync failed", s.name)
	}
	s.sync.upto = upto
	return nil
}

func segmentName(id uint32, packed bool) string {
	kind := "large"
	if packed {
		kind = "small"
	}
	return fmt.Sprintf("%08x.%s", id, kind)
}

func parseSegmentName(name string) (id uint32, packed, ok bool) {
	hex, kind, _ := strings.Cut(name, ".")
	n, err := strconv.ParseUint(hex, 16, 32)
	if err != nil || len(hex) != 8 || (kind != "small" && kind != "large") {
		return 0, false, false
	}
	return uint32(n), kind == "small", true
}

// segmentDir is one of 64: no directory has more than a few hundred files.
func (d *Dir) segmentDir(id uint32) string {
	return filepath.Join(d.path, dataDir, fmt.Sprintf("%02x", id%64))
}

// createSegment makes the next segment of a class the one that is written to.
func (d *Dir) createSegment(packed bool) error {
	id := d.nextSegment.Add(1)
	dir := d.segmentDir(id)
	if _, err := d.fs.Stat(dir); err != nil {
		// Somebody may have removed the whole directory, or unmounted what it lies on: then it is opened anew, and not made
		// again by halves, without the format file.
		if _, err := d.fs.Stat(filepath.Dir(dir)); err != nil {
			return d.fail("create", err)
		}
		if err := vfs.MkdirAll(d.fs, dir, 0o700); err != nil {
			return d.fail("create", err)
		}
		if err := d.fs.SyncDir(filepath.Dir(dir)); err != nil {
			return d.fail("create", err)
		}
	}
	name := filepath.Join(dir, segmentName(id, packed))
	f, err := d.fs.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return d.fail("create", err)
	}
	if err := d.fs.SyncDir(dir); err != nil {
		_ = f.Close()
		_ = d.fs.Remove(name)
		return d.fail("create", err)
	}
	s := &segment{id: id, packed: packed, name: name, f: f}
	d.space.Lock()
	defer d.space.Unlock()
	d.addSegment(s)
	if old := d.space.active[class(packed)]; old != nil {
		old.sealed = true
	}
	d.space.active[class(packed)] = s
	return nil
}

func class(packed bool) int {
	if packed {
		return 0
	}
	return 1
}

// addSegment and dropSegment publish a new table of segments to the readers. The caller holds d.space.
func (d *Dir) addSegment(s *segment) {
	m := maps.Clone(*d.segments.Load())
	m[s.id] = s
	d.segments.Store(&m)
}

func (d *Dir) dropSegment(s *segment) {
	m := maps.Clone(*d.segments.Load())
	delete(m, s.id)
	d.segments.Store(&m)
}

func (d *Dir) segment(id uint32) *segment { return (*d.segments.Load())[id] }
