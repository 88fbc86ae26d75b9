package cachefs

import (
	"context"
	"io"
	"io/fs"
	"math"
	"math/bits"
	"sync/atomic"

	"github.com/millpond/millpond/internal/namespace"
)

// File is an open file: one version, whatever happens to its name. It implements io.Reader, io.ReaderAt, io.Seeker,
// io.WriterTo, io.Closer and fs.File. ReadAt and View may be called by any number of goroutines at once, and with
// Close; Read, Seek and WriteTo share one offset and take turns.
//
// A version that cannot be had any more, because the file was removed, overwritten or changed in its store and no tier
// holds the bytes, is ErrChanged: never a mixture of two versions, never a short read without an error.
type File struct {
	ctx context.Context
	*handle
}

// handle is what all contexts of one open file share.
type handle struct {
	n     *Node
	far   *farFile        // what reads a Client's file, which has no n; nil: n does
	in    namespace.Inode // as it was opened
	path  string
	from  *found // where the store has it, while the replica does not know it yet
	read  ReadType
	check bool  // what a disk gives is compared with its checksums each time: others are made of it
	shift uint8 // log2 of the block size, 0 if that is no power of two

	closed  atomic.Bool
	told    atomic.Bool // that it changed in its store
	table   blockTable
	ahead   ahead
	windows windows  // of NoCache
	pos     struct { // held across reads, and across writes to who is given the bytes
		turn
		off int64
	}
	file File // the first File: one allocation for both
}

func newFile(ctx context.Context, n *Node, path string, in *namespace.Inode, from *found, rt ReadType) *File {
	h := &handle{n: n, in: *in, path: path, from: from, read: rt}
	if bs := uint64(in.BlockSize); bits.OnesCount64(bs) == 1 {
		h.shift = uint8(bits.TrailingZeros64(bs))
	}
	h.table.init(h.blocks())
	if rt == NoCache {
		h.windows.idle.Store(&window{next: -1})
	}
	h.file = File{ctx: ctx, handle: h}
	return &h.file
}

// blocks is how many blocks the file has.
func (h *handle) blocks() int64 {
	if h.in.Size == 0 {
		return 0
	}
	return (h.in.Size-1)/h.in.BlockSize + 1
}

// blockLen is the length of block i: the block size but for the last.
func (h *handle) blockLen(i int64) int64 {
	return min(h.in.BlockSize, h.in.Size-i*h.in.BlockSize)
}

// WithContext returns the same open file under another context: offset and Close are shared.
func (f *File) WithContext(ctx context.Context) *File { return &File{ctx: ctx, handle: f.handle} }

// Name is the path that was opened.
func (f *File) Name() string { return f.path }

// Size is the length of the opened version in bytes.
func (f *File) Size() int64 { return f.in.Size }

// Stat describes the version that was opened.
func (f *File) Stat() (fs.FileInfo, error) {
	if f.closed.Load() {
		return nil, pathError("stat", f.path, ErrClosed)
	}
	return infoOf(&f.in, f.path), nil
}

// Close ends the file. Reads under way end as they would have; later ones are ErrClosed, as is a second Close. Views
// stay good until their Release.
func (f *File) Close() error {
	if f.closed.Swap(true) {
		return pathError("close", f.path, ErrClosed)
	}
	f.windows.idle.Store(nil)
	return nil
}

// Read reads from the offset on, at most to the end of the block it lies in; io.EOF at the file's end.
func (f *File) Read(p []byte) (int, error) {
	if err := f.pos.take(f.ctx); err != nil {
		return 0, pathError("read", f.path, err)
	}
	defer f.pos.pass()
	if f.closed.Load() {
		return 0, pathError("read", f.path, ErrClosed)
	}
	if len(p) == 0 {
		return 0, nil
	}
	if f.pos.off >= f.in.Size {
		return 0, io.EOF
	}
	n, err := f.readSome(p, f.pos.off)
	f.pos.off += int64(n)
	if n > 0 && err == io.EOF {
		err = nil
	}
	return n, f.readError(err)
}

// Seek sets the offset of Read. Beyond the end is allowed: Read gives io.EOF there.
func (f *File) Seek(offset int64, whence int) (int64, error) {
	if err := f.pos.take(f.ctx); err != nil {
		return 0, pathError("seek", f.path, err)
	}
	defer f.pos.pass()
	if f.closed.Load() {
		return 0, pathError("seek", f.path, ErrClosed)
	}
	var from int64
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		from = f.pos.off
	case io.SeekEnd:
		from = f.in.Size
	default:
		return 0, pathError("seek", f.path, invalid("whence %d; want io.SeekStart, io.SeekCurrent or io.SeekEnd", whence))
	}
	if most := math.MaxInt64 - from; offset < -from || offset > most {
		return 0, pathError("seek", f.path, invalid("offset %d from %d; want %d to %d", offset, from, -from, most))
	}
	f.pos.off = from + offset
	return f.pos.off, nil
}

// WriteTo writes what is left of the file to w, lending w the cached bytes rather than copying them.
func (f *File) WriteTo(w io.Writer) (n int64, err error) {
	if err := f.pos.take(f.ctx); err != nil {
		return 0, pathError("read", f.path, err)
	}
	defer f.pos.pass()
	if f.closed.Load() {
		return 0, pathError("read", f.path, ErrClosed)
	}
	if f.read == NoCache || f.far != nil {
		return f.copyUncached(w)
	}
	f.n.readWhole(f.handle, f.pos.off)
	for f.pos.off < f.in.Size {
		v, err := f.View(f.pos.off, int(min(f.in.BlockSize, f.in.Size-f.pos.off)))
		if err != nil {
			return n, err
		}
		m, err := w.Write(v.Bytes())
		v.Release()
		f.pos.off += int64(m)
		n += int64(m)
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// copyUncached is WriteTo through a buffer, where Views would be as long as blocks. The caller holds pos.
func (f *File) copyUncached(w io.Writer) (n int64, err error) {
	buf := make([]byte, min(maxWindow, f.in.Size-min(f.pos.off, f.in.Size)))
	for f.pos.off < f.in.Size {
		got, err := f.readSome(buf, f.pos.off)
		if err != nil {
			return n, f.readError(err)
		}
		m, err := w.Write(buf[:got])
		f.pos.off += int64(m)
		n += int64(m)
		if err == nil && m < got {
			err = io.ErrShortWrite
		}
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// readError dresses what a read ends with; io.EOF stays bare, as io.Reader wants it.
func (f *File) readError(err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return pathError("read", f.path, err)
}
