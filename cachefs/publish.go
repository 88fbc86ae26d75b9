package cachefs

import (
	"context"
	"io"
	"io/fs"
	"strconv"
	"sync"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/tier"
	"github.com/millpond/millpond/ufs"
)

// upload is a file on its way to a store: invisible there until commit.
type upload struct {
	w    *ufs.Writer
	m    *mount
	key  string
	mode fs.FileMode // that it was begun with
	sent int64       // bytes
}

// newUpload begins an upload of what path names. size is a hint, 0 unknown. over adds a condition to its publication; nil for none.
func (n *Node) newUpload(ctx context.Context, path string, size int64, mode fs.FileMode, over condition) (*upload, error) {
	m, key := n.mounts.find(path)
	if m == nil {
		return nil, ErrNotMounted
	}
	store, err := m.open(ctx)
	if err != nil {
		return nil, err
	}
	if size == 0 {
		size = -1
	}
	o := ufs.CreateOptions{Parents: true, Size: size, Mode: mode}
	if over != nil {
		if err := over(ctx, store, key, &o); err != nil {
			return nil, err
		}
	}
	w, err := store.Create(ctx, key, o)
	if err != nil {
		return nil, err
	}
	return &upload{w: w, m: m, key: key, mode: mode}, nil
}

func (u *upload) Write(p []byte) (int, error) {
	n, err := u.w.Write(p)
	u.sent += int64(n)
	return n, err
}

// lend writes p, which stays as it is until done is called.
func (u *upload) lend(p []byte, done func()) (int, error) {
	n, err := u.w.WriteLent(p, done)
	u.sent += int64(n)
	return n, err
}

// abort leaves nothing in the store. It has a context of its own: the caller's may be what ended the upload.
func (u *upload) abort() {
	ctx, cancel := context.WithTimeout(context.Background(), settleAfter)
	defer cancel()
	u.w.Abort(ctx)
}

// uploadBlock sends one cached block, piece by piece from where it lies in memory. What lies on a disk does not come back to
// memory for that: uploads that hold parts of files there could wait for each other.
func (n *Node) uploadBlock(ctx context.Context, u *upload, in *namespace.Inode, i int64) error {
	end := min(in.BlockSize, in.Size-i*in.BlockSize)
	for off := int64(0); off < end; {
		var m int
		var err error
		if v, ok := n.viewInMemory(blockID(in, i), off, int(end-off)); ok {
			m, err = u.lend(v.Bytes(), v.Release)
		} else {
			m, err = n.uploadFromDisk(ctx, u, blockID(in, i), off, end)
		}
		if err != nil {
			return err
		}
		off += int64(m)
	}
	return nil
}

func (n *Node) viewInMemory(id tier.BlockID, off int64, size int) (v tier.View, ok bool) {
	if b := n.tiers.Get(id); b != nil {
		return b.View(off, size)
	}
	return v, false
}

// A diskPiece is what is read of a block at a time: one part of an upload holds some of them.
type diskPiece [256 << 10]byte

var diskPieces = sync.Pool{New: func() any { return new(diskPiece) }}

// uploadFromDisk sends some of a block's bytes in [off, end): what the store gets is the truth from then on, and is compared once more.
func (n *Node) uploadFromDisk(ctx context.Context, u *upload, id tier.BlockID, off, end int64) (int, error) {
	p := diskPieces.Get().(*diskPiece)
	done := func() { diskPieces.Put(p) }
	m, err := n.tiers.ReadChecked(ctx, id, p[:min(int64(len(p)), end-off)], off)
	if err == nil && m == 0 {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		done()
		return 0, err
	}
	return u.lend(p[:m], done)
}

// publish makes the store show the upload and the namespace know it, under one intent: c completes the file; nil for a
// file that is complete already.
func (n *Node) publish(ctx context.Context, path string, ino uint64, u *upload, c *namespace.CompleteFile) error {
	b := &namespace.Begin{Kind: namespace.IntentPublish, Path: path, Ino: ino, Key: u.key, To: strconv.FormatInt(u.sent, 10)}
	p := publication{path: path, mount: u.m}
	if old, err := n.tree.Stat(path, nil); err == nil && old.Complete {
		b.Prior = old.Version.String()
	}
	if c != nil {
		b.Payload = c.Append(nil)
	}
	err := n.withIntent(ctx, b, func(ctx context.Context, s *ufs.Store, id uint64) (outcome, error) {
		a, err := u.w.Commit(ctx)
		if err != nil {
			return outcome{}, err
		}
		n.absent.forget(u.m, u.key)
		a = n.matchAttrs(ctx, s, ino, u, a)
		p.intent, p.version = id, a.Version
		return outcome{a.Version, a.ModTime.UnixNano()}, nil
	})
	if err != nil && p.version != "" && c == nil { // else its writer is told that it may have happened
		n.spawn(func(ctx context.Context) { n.withdraw(ctx, p) })
	}
	return err
}
