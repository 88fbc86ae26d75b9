package vfs

import (
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// memFile is an open file of a Mem.
type memFile struct {
	m      *Mem
	node   *memNode
	name   string
	flag   int
	pos    int64
	closed bool
}

type memInfo struct {
	name      string
	size      int64
	mode      fs.FileMode
	mtime     time.Time
	allocated int64
}

func (i *memInfo) Name() string       { return i.name }
func (i *memInfo) Size() int64        { return i.size }
func (i *memInfo) Mode() fs.FileMode  { return i.mode }
func (i *memInfo) ModTime() time.Time { return i.mtime }
func (i *memInfo) IsDir() bool        { return i.mode.IsDir() }
func (i *memInfo) Sys() any           { return nil }

func (n *memNode) info(base string) *memInfo {
	i := &memInfo{name: base, size: n.data.size, mode: n.mode, mtime: n.mtime, allocated: n.data.allocated()}
	if n.dir {
		i.mode |= fs.ModeDir
	}
	return i
}

func (f *memFile) Name() string { return f.name }

func (f *memFile) fail(op string, err error) error {
	return &fs.PathError{Op: op, Path: f.name, Err: err}
}

// begin locks the disk for one call on an open file.
func (f *memFile) begin(op string) error {
	f.m.mu.Lock()
	switch {
	case f.closed:
		return f.fail(op, os.ErrClosed)
	case f.node.dir && op != "stat" && op != "sync":
		return f.fail(op, syscall.EISDIR)
	}
	return nil
}

func (f *memFile) Stat() (fs.FileInfo, error) {
	err := f.begin("stat")
	defer f.m.mu.Unlock()
	if err != nil {
		return nil, err
	}
	parts := memParts(f.name)
	base := "/"
	if len(parts) > 0 {
		base = parts[len(parts)-1]
	}
	return f.node.info(base), nil
}

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	err := f.begin("read")
	defer f.m.mu.Unlock()
	if err != nil {
		return 0, err
	}
	return f.readLocked(p, off)
}

func (f *memFile) readLocked(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, f.fail("read", syscall.EINVAL)
	}
	n := f.node.data.readAt(p, off)
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) Read(p []byte) (int, error) {
	err := f.begin("read")
	defer f.m.mu.Unlock()
	if err != nil || len(p) == 0 {
		return 0, err
	}
	n, err := f.readLocked(p, f.pos)
	f.pos += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	err := f.begin("write")
	defer f.m.mu.Unlock()
	if err != nil {
		return 0, err
	}
	return f.writeLocked(p, off)
}

func (f *memFile) Write(p []byte) (int, error) {
	err := f.begin("write")
	defer f.m.mu.Unlock()
	if err != nil {
		return 0, err
	}
	if f.flag&os.O_APPEND != 0 {
		f.pos = f.node.data.size
	}
	n, err := f.writeLocked(p, f.pos)
	f.pos += int64(n)
	return n, err
}

// writeLocked writes as much of p as the limit lets it.
func (f *memFile) writeLocked(p []byte, off int64) (n int, err error) {
	switch {
	case f.flag&(os.O_WRONLY|os.O_RDWR) == 0:
		return 0, f.fail("write", syscall.EBADF)
	case off < 0:
		return 0, f.fail("write", syscall.EINVAL)
	}
	for n < len(p) {
		at := off + int64(n)
		piece := p[n:min(len(p), n+pageSize-int(at%pageSize))]
		need := f.node.data.missing(at, len(piece))
		if f.m.limit > 0 && f.m.used+need > f.m.limit {
			err = f.fail("write", syscall.ENOSPC)
			break
		}
		f.m.used += need
		f.node.data.write(piece, at)
		n += len(piece)
	}
	if n > 0 {
		f.node.mtime = time.Now()
		f.node.pending = append(f.node.pending, memWrite{off: off, data: append([]byte(nil), p[:n]...)})
	}
	return n, err
}

func (f *memFile) Truncate(size int64) error {
	err := f.begin("truncate")
	defer f.m.mu.Unlock()
	if err != nil {
		return err
	}
	if size < 0 {
		return f.fail("truncate", syscall.EINVAL)
	}
	f.m.truncate(f.node, size)
	return nil
}

func (m *Mem) truncate(n *memNode, size int64) {
	before := n.data.allocated()
	n.data.truncate(size)
	m.used += n.data.allocated() - before
	n.mtime = time.Now()
	n.pending = append(n.pending, memWrite{off: size, truncate: true})
}

func (f *memFile) PunchHole(off, n int64) error {
	err := f.begin("punch")
	defer f.m.mu.Unlock()
	if err != nil {
		return err
	}
	if off < 0 || n <= 0 {
		return f.fail("punch", syscall.EINVAL)
	}
	before := f.node.data.allocated()
	f.node.data.zero(off, min(n, max(0, f.node.data.size-off)))
	f.m.used += f.node.data.allocated() - before
	f.node.pending = append(f.node.pending, memWrite{off: off, punch: n})
	return nil
}

func (f *memFile) Sync() error {
	err := f.begin("sync")
	defer f.m.mu.Unlock()
	if err != nil {
		return err
	}
	if len(f.node.pending) > 0 {
		f.node.synced = f.node.data.share()
		f.node.pending = nil
	}
	return nil
}

func (f *memFile) Close() error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if f.closed {
		return f.fail("close", os.ErrClosed)
	}
	f.closed = true
	return nil
}
