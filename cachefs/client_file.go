package cachefs

import (
	"cmp"
	"context"
	"errors"
	"io"

	"golang.org/x/sync/errgroup"

	"github.com/millpond/millpond/peer"
	"github.com/millpond/millpond/tier"
)

// farFile reads an open file of a Client from whichever node answers: no node has it open.
type farFile struct {
	c    *Client
	hint []byte // an openHint
}

// Open is Node.Open. What is read goes straight into the caller's memory: nothing is kept here.
func (c *Client) Open(ctx context.Context, path string, o *OpenOptions) (*File, error) {
	f, err := c.open(ctx, path, deref(o))
	return f, pathError("open", path, err)
}

// waitAgain is how long one node is asked to wait for the Close of a file's writer: a call that waits takes a place among those
// that a connection has.
const waitAgain = watchTime

func (c *Client) open(ctx context.Context, path string, o OpenOptions) (*File, error) {
	for {
		soon, cancel := ctx, context.CancelFunc(func() {})
		if o.Wait {
			soon, cancel = context.WithTimeout(ctx, waitAgain)
		}
		a, err := query[openAnswer](soon, c, "open", pathArgs[OpenOptions]{[]byte(path), o})
		again := err != nil && soon.Err() != nil && ctx.Err() == nil
		cancel()
		switch {
		case again:
			continue
		case err != nil:
			return nil, plainly(ctx, err)
		}
		return c.newFile(ctx, path, &a, o.ReadType)
	}
}

func (c *Client) newFile(ctx context.Context, path string, a *openAnswer, rt ReadType) (*File, error) {
	in := a.Info.inode()
	history, seen := c.seen.newest()
	hint, err := encodeWire(&openHint{
		History: history, Seen: seen, Path: []byte(path), Ino: in.Ino, Size: in.Size, BlockSize: in.BlockSize, Read: rt, Mount: a.Mount, Key: a.Key, Version: a.Version,
	})
	if err != nil {
		return nil, err
	}
	h := &handle{far: &farFile{c, hint}, in: *in, path: path, read: rt}
	h.windows.idle.Store(&window{next: -1})
	h.file = File{ctx: ctx, handle: h}
	return &h.file, nil
}

// parallelReads is how many blocks of one ReadAt are on their way at a time.
const parallelReads = 4

// readFar is what is read of a Client's file: small reads that go on are made one.
func (f *File) readFar(p []byte, off int64) (int, error) {
	n := int(min(int64(len(p)), f.in.Size-off))
	if err := f.readUncached(p[:n], off); err != nil {
		return 0, err
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// read fills p with the file's bytes from off on, parallelReads blocks at a time.
func (r *farFile) read(f *File, p []byte, off int64) error {
	var reading errgroup.Group
	reading.SetLimit(parallelReads)
	for len(p) > 0 {
		i, at := f.place(off)
		n := min(int64(len(p)), f.blockLen(i)-at)
		part := p[:n]
		if n == int64(len(p)) { // the last, or the only one: here
			err := r.readBlock(f, i, part, at)
			return cmp.Or(reading.Wait(), err)
		}
		reading.Go(func() error { return r.readBlock(f, i, part, at) })
		p, off = p[n:], off+n
	}
	return reading.Wait()
}

// readBlock fills p from block i, at bytes in. Where one node stops another goes on.
func (r *farFile) readBlock(f *File, i int64, p []byte, at int64) error {
	key := peer.Key(tier.NewBlockID(f.in.FileID, uint32(i)))
	got := int64(0)
	err := r.c.anywhere(f.ctx, func(ctx context.Context, addr string) error {
		from := got
		q := peer.BlockRequest{Key: key, Off: at + from, Length: int64(len(p)) - from, Hint: r.hint}
		_, err := r.c.peers.ReadBlock(ctx, addr, q, [][]byte{p[from:]}, func(n int64) { got = from + n })
		return blockError(err)
	})
	return plainly(f.ctx, err)
}

// blockError is what a read of a block ended with: an error that the node answered, or one that another node may not have.
func blockError(err error) error {
	if err == nil {
		return nil
	}
	told, ok := errors.AsType[*peer.RemoteError](err)
	if !ok || told.Code != codeClient {
		return &elsewhere{err}
	}
	var w wireError
	if err := decodeWire([]byte(told.Text), &w); err != nil {
		return err
	}
	return fromNode(&w)
}
