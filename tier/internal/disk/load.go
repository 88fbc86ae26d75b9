package disk

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"

	"github.com/millpond/millpond/internal/vfs"
)

// openSegments opens every segment file. Files of other names are left alone.
func (d *Dir) openSegments() error {
	root := filepath.Join(d.path, dataDir)
	dirs, err := d.fs.ReadDir(root)
	if err != nil {
		return d.fail("open", err)
	}
	table := make(map[uint32]*segment)
	for _, sub := range dirs {
		files, err := d.fs.ReadDir(filepath.Join(root, sub.Name()))
		if err != nil {
			return d.fail("open", err)
		}
		for _, file := range files {
			id, packed, ok := parseSegmentName(file.Name())
			if !ok {
				continue
			}
			s, err := d.openSegment(filepath.Join(root, sub.Name(), file.Name()), id, packed)
			if err != nil {
				return d.fail("open", err)
			}
			table[id] = s
			d.segments.Store(&table) // so that a failing Open closes them
			d.nextSegment.Store(max(d.nextSegment.Load(), id))
		}
	}
	return nil
}

func (d *Dir) openSegment(name string, id uint32, packed bool) (*segment, error) {
	flag := os.O_RDWR
	if d.readOnly {
		flag = os.O_RDONLY
	}
	f, err := d.fs.OpenFile(name, flag, 0)
	if err != nil {
		return nil, err
	}
	fi, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	s := &segment{id: id, packed: packed, name: name, f: f, size: fi.Size(), sealed: true}
	if n, ok := vfs.Allocated(fi); ok {
		s.freed = max(0, pageUp(s.size)-n)
	}
	s.done.Store(1) // what the process before us wrote may not be durable
	return s, nil
}

type indexFile struct {
	name, magic string
	gen         uint64
	size        int64
}

// indexFiles lists the files that make up the index in the order of reading, and those that are of no use any more.
func indexFiles(fsys vfs.FS, dir string) (use, old []indexFile, err error) {
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return nil, nil, err
	}
	var all []indexFile
	first := uint64(0)
	for _, e := range entries {
		magic, gen, ok := parseIndexName(e.Name())
		if !ok {
			continue
		}
		name := filepath.Join(dir, e.Name())
		fi, err := fsys.Stat(name)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, indexFile{name, magic, gen, fi.Size()})
		if magic == snapshotMagic {
			first = max(first, gen)
		}
	}
	for _, f := range all {
		if f.gen < first {
			old = append(old, f)
		} else {
			use = append(use, f)
		}
	}
	slices.SortFunc(use, func(a, b indexFile) int {
		// The snapshot of a generation holds less than the log of the same one.
		return cmp.Or(cmp.Compare(a.gen, b.gen), -cmp.Compare(a.magic, b.magic))
	})
	return use, old, nil
}

// load reads the index and returns its highest generation.
func (d *Dir) load() (gen uint64, err error) {
	use, old, err := indexFiles(d.fs, d.path)
	if err != nil {
		return 0, d.fail("open", err)
	}
	for _, f := range old {
		if d.readOnly {
			break
		}
		if err := d.fs.Remove(f.name); err != nil {
			return 0, d.fail("remove", err)
		}
	}
	ld := &loader{d: d}
	for _, f := range use {
		gen = max(gen, f.gen)
		if err := ld.file(f); err != nil {
			if errors.Is(err, ErrFormat) {
				return 0, err
			}
			return 0, d.fail("read", err)
		}
		d.logs = append(d.logs, f.name)
		d.space.used += f.size
	}
	return gen, nil
}

// loader applies the records of index files: each worker those of its shards, so that the records of one block are
// applied in order without a lock.
type loader struct {
	d *Dir
}

const loadChunk = recordSize * (128 << 10) // 6 MiB: the workers meet after each

func (ld *loader) file(f indexFile) error {
	r, err := ld.d.fs.OpenFile(f.name, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer r.Close()
	var head [headerSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil && !short(err) {
		return err
	}
	if v, ok := decodeHeader(head[:], f.magic, f.gen); ok && v != indexVersion {
		return fmt.Errorf("%w: %s has version %d, this version reads %d", ErrFormat, f.name, v, indexVersion)
	}
	n := int(f.size/recordSize) / shards
	for i := range ld.d.index.shard {
		ld.d.index.shard[i].reserve(n + n/16)
	}
	return ld.records(r, f)
}

func short(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }

func (ld *loader) records(r vfs.File, f indexFile) error {
	buf := make([]byte, min(loadChunk, max(f.size, recordSize)))
	bad, after := int64(0), int64(0) // damaged records; those that a good one follows
	off := int64(headerSize)
	for {
		n, err := io.ReadFull(r, buf)
		if short(err) && off+int64(n) < f.size { // what is behind is not to be forgotten
			return fmt.Errorf("%s: %d of %d bytes: %w", f.name, off+int64(n), f.size, io.ErrUnexpectedEOF)
		}
		n -= n % recordSize
		ld.d.logRecords.Add(int64(n / recordSize))
		b, a := ld.apply(buf[:n], f.gen)
		if b > 0 && ld.misread(r, buf[:n], off) { // applied again, each block is as its last record says
			b, a = ld.apply(buf[:n], f.gen)
		}
		off += int64(n)
		if n > 0 && b < int64(n/recordSize) {
			after = bad + a
		}
		bad += b
		if short(err) {
			break
		}
		if err != nil {
			return err
		}
	}
	if f.magic == snapshotMagic {
		after = bad // a snapshot was published whole: nothing of it may be torn
	}
	if after > 0 {
		ld.d.count.badRecords.Add(uint64(after))
		ld.d.report(fmt.Errorf("%s: %d damaged records: their blocks are forgotten", f.name, after))
	}
	return nil
}

// misread reads records a second time and reports whether they came differently: a bit that flipped on the way is right then.
func (ld *loader) misread(r vfs.File, buf []byte, off int64) bool {
	again := make([]byte, len(buf))
	if _, err := r.ReadAt(again, off); err != nil || bytes.Equal(again, buf) {
		return false
	}
	copy(buf, again)
	return true
}

// apply returns how many records were damaged, and how many of those came before a good one.
func (ld *loader) apply(b []byte, gen uint64) (bad, before int64) {
	workers := runtime.GOMAXPROCS(0)
	if len(b) < 64<<10 {
		workers = 1
	}
	workers = min(workers, 8)
	var wg sync.WaitGroup
	for w := 1; w < workers; w++ {
		wg.Go(func() { ld.work(b, gen, w, workers) })
	}
	bad, before = ld.work(b, gen, 0, workers)
	wg.Wait()
	return bad, before
}

func (ld *loader) work(b []byte, gen uint64, worker, workers int) (bad, before int64) {
	var r record
	top := uint32(0)
	for ; len(b) >= recordSize; b = b[recordSize:] {
		if !decodeRecord(b, gen, &r) {
			bad++
			continue
		}
		before = bad
		switch r.kind {
		case kindSealed:
			if seg := ld.d.segment(r.seg); seg != nil && worker == 0 {
				seg.durable, seg.sync.upto = true, seg.done.Load()
			}
		case kindPut, kindDelete:
			top = max(top, r.seg)
			h := hashID(&r.id)
			if int(h&(shards-1))%workers == worker {
				ld.d.index.of(h).load(h, &r)
			}
		}
	}
	for {
		next := ld.d.nextSegment.Load()
		if next >= top || ld.d.nextSegment.CompareAndSwap(next, top) {
			return bad, before
		}
	}
}

// load applies a record without accounting: settle does it once, for what is left at the end.
func (s *shard) load(h uint64, r *record) {
	cell, local, ok := s.find(h, keyOf(&r.id))
	if r.kind == kindDelete {
		if ok {
			s.remove(cell, local)
			s.release(local)
		}
		return
	}
	if !ok {
		s.insert(h, r, 0, false)
		return
	}
	s.at(local).set(r, 0, false)
}

// settle drops what a crash took the bytes of, and accounts for the rest.
func (d *Dir) settle() {
	segs := *d.segments.Load()
	for i := range d.index.shard {
		s := &d.index.shard[i]
		for local := range s.used {
			e := s.at(local)
			if !e.live() {
				continue
			}
			at := e.place()
			n := int64(at.len)
			seg := segs[at.seg]
			if seg == nil || int64(at.off)+n+tableSize(n) > seg.size {
				d.count.lost.Add(1)
				id := e.id()
				cell, _, _ := s.find(hashID(&id), keyOf(&id))
				s.remove(cell, local)
				s.release(local)
				continue
			}
			seg.live += space(n)
			d.space.charged += d.charge(n)
			d.count.bytes.Add(n)
		}
	}
	for _, seg := range segs {
		// The last block's pad may never have been written.
		seg.size = max(pageUp(seg.size), seg.live)
		d.space.used += seg.alloc()
	}
}
