package cachefs

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/journal"
	"github.com/millpond/millpond/peer"
	"github.com/millpond/millpond/tier"
	"github.com/millpond/millpond/ufs"
)

// openHint is what a node needs to read a version of a file that a Client has open: with it any node goes on where another
// was lost. The Client keeps its wire form with the file, and sends it with each read.
type openHint struct {
	History string // of the journal when the file was opened
	Seen    uint64 // its index then
	Path    []byte
	Ino     uint64
	Size    int64
	// BlockSize is needed beside the FileID: both make the blocks.
	BlockSize int64
	Read      ReadType
	// Where the store had the version when it was opened, if the replica did not know it.
	Mount, Key, Version []byte
}

// maxClientFiles is how many files of Clients a node remembers, for their read-ahead. One has a few hundred bytes, a large one
// 32 KiB of block table, one that is read with NoCache up to 1 MiB; one that was forgotten is made again.
const maxClientFiles = 64

// clientFiles are those that Clients read from this node, the one that was read last at the front.
type clientFiles struct {
	mu    sync.Mutex
	files map[clientFile]*list.Element
	order list.List // of *heldFile
}

type clientFile struct {
	client string
	id     tier.FileID
	hint   string
}

type heldFile struct {
	key  clientFile
	file *File
}

// of is the file of a read, which open makes if it is not there.
func (c *clientFiles) of(key clientFile, open func() (*File, error)) (*File, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.files[key]; e != nil {
		c.order.MoveToFront(e)
		return e.Value.(*heldFile).file, nil
	}
	f, err := open()
	if err != nil {
		return nil, err
	}
	if c.files == nil {
		c.files = map[clientFile]*list.Element{}
	}
	c.files[key] = c.order.PushFront(&heldFile{key, f})
	if c.order.Len() > maxClientFiles {
		old := c.order.Remove(c.order.Back()).(*heldFile)
		delete(c.files, old.key)
	}
	return f, nil
}

// openFor is the version of a file that a Client has open: as the replica has it, or as it was when it was opened.
func (n *Node) openFor(id tier.FileID, h *openHint) (*File, error) {
	path := string(h.Path)
	if h.Size < 1 || h.BlockSize == 0 || checkBlockSize(h.BlockSize) != nil || h.Size > h.BlockSize*maxBlocks || h.Read.check() != nil {
		return nil, errHint
	}
	if in, ok := n.tree.Get(h.Ino); ok && h.Ino != 0 && in.FileID == id {
		return newFile(n.ctx, n, path, &in, nil, h.Read), nil
	}
	if in, err := n.tree.Stat(path, nil); err == nil && in.FileID == id {
		return newFile(n.ctx, n, path, &in, nil, h.Read), nil
	}
	in := namespace.Inode{
		Ino: h.Ino, Name: baseOf(path), FileID: id, Size: h.Size, BlockSize: h.BlockSize, Version: namespace.VersionOf(string(h.Version)),
		Persist: namespace.Persisted, Complete: true,
	}
	key, version := string(h.Key), string(h.Version)
	m := n.mounts.at(string(h.Mount))
	if m == nil || fileIDOf(m.spec.Store, key, version, h.BlockSize) != id {
		return newFile(n.ctx, n, path, &in, nil, h.Read), nil // what a tier has of it
	}
	from := &found{mount: m, path: path, key: key, attr: ufs.Attr{Key: key, Size: h.Size, Version: version}, in: in}
	return newFile(n.ctx, n, path, &in, from, h.Read), nil
}

// codeClient is that of a peer.RemoteError whose text is a wireError.
const codeClient = 2

// clientError is err on its way to a Client that reads.
func clientError(err error) error {
	if err == nil {
		return nil
	}
	b, encodeErr := encodeWire(errorToWire(err))
	if encodeErr != nil {
		return errors.Join(err, encodeErr)
	}
	return &peer.RemoteError{Code: codeClient, Text: string(b)}
}

// serveClientBlock sends a Client a part of a block of a file that it has open, as a reader here would get it.
func (n *Node) serveClientBlock(ctx context.Context, from string, r *peer.BlockRequest, w blockWriter) error {
	id := tier.BlockID(r.Key)
	var hint openHint
	if err := decodeWire(r.Hint, &hint); err != nil {
		return clientError(err)
	}
	if _, _, err := n.admitClient(ctx, n.within(hint.History, hint.Seen), nil, journal.OpID{}, nil); err != nil {
		return clientError(err)
	}
	f, err := n.clientFiles.of(clientFile{from, id.File(), string(r.Hint)}, func() (*File, error) { return n.openFor(id.File(), &hint) })
	if err != nil {
		return clientError(err)
	}
	i := int64(id.Index())
	if i >= f.blocks() || r.Off+r.Length > f.blockLen(i) {
		return clientError(fmt.Errorf("%w: bytes %d to %d of block %v, which has fewer", ErrInvalid, r.Off, r.Off+r.Length, id))
	}
	f = f.WithContext(ctx)
	for off, end := r.Off, r.Off+r.Length; off < end; {
		sent, err := f.sendTo(w, i, off, end-off)
		if err != nil {
			return clientError(err)
		}
		off += sent
	}
	return nil
}

// sendTo sends at most size bytes of block i from at on: what lies in memory is lent.
func (f *File) sendTo(w blockWriter, i, at, size int64) (int64, error) {
	if b := f.table.slot(i).Load(); b != nil {
		sent, err := inTurn(w, func() (int64, error) {
			v, ok := b.View(at, int(min(size, lendSize)))
			if !ok {
				return 0, nil
			}
			return int64(len(v.Bytes())), w.Lend(v.Bytes(), v.Release)
		})
		if sent > 0 || err != nil {
			return sent, err
		}
	}
	buf := sendBufs.Get().(*[sendSize]byte)
	defer sendBufs.Put(buf)
	p := upTo(buf, at, size)
	got, err := f.readSome(p, i*f.in.BlockSize+at)
	if err != nil {
		return 0, err
	}
	_, err = w.Write(p[:got])
	return int64(got), err
}
