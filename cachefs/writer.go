package cachefs

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/tier"
)

// nodeWriter is a Writer of this node. See Writer for what its methods promise.
type nodeWriter struct {
	n      *Node
	ctx    context.Context // ends with Create's, and with the node
	cancel context.CancelCauseFunc
	unbind func() bool
	path   string
	ino    uint64
	id     tier.FileID
	bs     int64
	opts   CreateOptions

	mu struct { // held across the store's and the tiers' waits
		turn
		size    int64
		block   *tier.Writer // the block that is being written
		outside bool         // which lies outside of the tiers, for another node
		spilled spilled
		blocks  []tier.BlockID // the finished ones
		cache   bool           // bytes go to the tiers
		up      *upload        // bytes go to the under store
		lends   bool           // from the finished blocks, not from Write
		err     error          // the first that ended it
		done    bool           // closed or aborted
	}
}

// Create makes a file that is written once and becomes visible to readers at Close.
func (n *Node) Create(ctx context.Context, path string, o *CreateOptions) (*Writer, error) {
	var w *nodeWriter
	err := n.latest(ctx, func() (err error) {
		w, err = n.create(ctx, path, deref(o))
		return err
	})
	if err != nil {
		return nil, pathError("create", path, err)
	}
	return &Writer{w}, nil
}

func (n *Node) create(ctx context.Context, path string, o CreateOptions) (*nodeWriter, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if err := n.defaults(ctx, path, &o); err != nil {
		return nil, err
	}
	old, err := n.known(ctx, path)
	if err != nil {
		return nil, err
	}
	w := &nodeWriter{n: n, path: path, bs: o.BlockSize, opts: o}
	w.ctx, w.cancel = context.WithCancelCause(withoutOperation(ctx)) // that is CreateFile: Close may be long after
	w.unbind = context.AfterFunc(n.ctx, func() { w.cancel(ErrClosed) })
	rand.Read(w.id[:])
	a, err := n.change(ctx, &namespace.CreateFile{
		Path: path, User: n.user(ctx), Parents: o.Parents, Overwrite: o.Overwrite, Extend: o.Append, FileID: w.id,
		BlockSize: w.bs, Mode: o.Mode, Owner: o.Owner, Group: o.Group, Lease: n.lease, Pin: o.Pin, TTL: int64(o.TTL.After),
		TTLAction: o.TTL.Action, ReplicasMin: o.ReplicasMin, ReplicasMax: o.ReplicasMax,
	})
	if err != nil {
		w.release()
		if errors.Is(err, ErrExist) && old != nil && old.Dir {
			err = refuse(err, "it is a directory")
		}
		return nil, err
	}
	w.ino = a.Ino
	w.mu.cache = o.WriteType != Through
	if !n.writers.add(w) {
		w.release()
		return nil, errors.Join(ErrClosed, n.abandon(w))
	}
	if o.WriteType == Through || o.WriteType == CacheThrough {
		if w.mu.up, err = n.newUpload(w.ctx, path, o.Size, o.Mode, nil); err != nil {
			return nil, errors.Join(err, w.Abort())
		}
		w.mu.lends = w.mu.cache && w.mu.up.w.Lends()
	}
	// What was there when the entry was made, which may be newer than old: another node's.
	if now, err := n.tree.Stat(path, nil); o.Append && err == nil && now.Ino != w.ino {
		if err := w.copyOld(ctx); err != nil {
			return nil, errors.Join(err, w.Abort())
		}
	}
	return w, nil
}

// release lets go of the writer's context.
func (w *nodeWriter) release() {
	w.unbind()
	w.cancel(ErrClosed)
}

// known brings what the store has at path, and the directories above, into the replica: a change meets what is there.
func (n *Node) known(ctx context.Context, path string) (*namespace.Inode, error) {
	if err := checkPath(path); err != nil {
		return nil, err
	}
	in, _, err := n.look(ctx, path, false)
	switch {
	case err == nil:
		return &in, nil
	case !errors.Is(err, ErrNotExist):
		return nil, err
	}
	if dir := parentOf(path); dir != "/" {
		if _, err := n.known(ctx, dir); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// defaults fills in what o leaves open.
func (n *Node) defaults(ctx context.Context, path string, o *CreateOptions) error {
	m, _ := n.mounts.find(path)
	switch {
	case m == nil && (o.WriteType == CacheThrough || o.WriteType == Through || o.WriteType == AsyncThrough):
		return fmt.Errorf("%w: no under store is mounted here; write with MustCache", ErrNotMounted)
	case o.WriteType == DefaultWrite && m != nil:
		o.WriteType = CacheThrough
	case o.WriteType == DefaultWrite:
		o.WriteType = MustCache
	}
	if m != nil && m.readOnly {
		return ErrReadOnly
	}
	o.BlockSize = orDefault(o.BlockSize, n.cfg.BlockSize)
	o.Mode = orDefault(o.Mode.Perm(), 0o644)
	name, group := owner(ctx)
	o.Owner, o.Group = orDefault(o.Owner, name), orDefault(o.Group, group)
	return nil
}

// copyOld makes the file begin with the bytes of the version that it will replace.
func (w *nodeWriter) copyOld(ctx context.Context) error {
	f, err := w.n.Open(ctx, w.path, nil)
	if err != nil {
		return err
	}
	defer f.Close()
	f.check = true
	_, err = f.WriteTo(w)
	return err
}

func (w *nodeWriter) Name() string { return w.path }

func (w *nodeWriter) Write(p []byte) (int, error) {
	if err := w.mu.take(w.ctx); err != nil {
		return 0, w.error("write", err)
	}
	defer w.mu.pass()
	n, err := w.appendLocked(p)
	return n, w.error("write", err)
}

func (w *nodeWriter) appendLocked(p []byte) (n int, err error) {
	for n < len(p) {
		if err := w.readyLocked(); err != nil {
			return n, err
		}
		m, err := w.writeSome(p[n:])
		n += m
		w.mu.size += int64(m)
		if err != nil {
			return n, w.failLocked(err)
		}
	}
	return n, w.usableLocked()
}

func (w *nodeWriter) ReadFrom(r io.Reader) (n int64, err error) {
	for {
		m, direct, err := w.readDirect(r)
		n += m
		switch {
		case err == io.EOF:
			return n, nil
		case err != nil:
			return n, w.error("write", err)
		case !direct:
			m, err := w.readCopied(r)
			return n + m, err
		}
	}
}

// readDirect reads the rest of the block that is being written into its frame, if no store wants the bytes too.
// io.EOF: r has ended.
func (w *nodeWriter) readDirect(r io.Reader) (n int64, direct bool, err error) {
	if err := w.mu.take(w.ctx); err != nil {
		return 0, true, err
	}
	defer w.mu.pass()
	if err := w.readyLocked(); err != nil {
		return 0, true, err
	}
	if w.mu.block == nil || w.mu.up != nil && !w.mu.lends {
		return 0, false, nil
	}
	if w.opts.Size > 0 && w.mu.size == w.opts.Size {
		n, err := w.readOneLocked(r)
		return n, true, err
	}
	room := w.bs - w.mu.block.Len()
	if announced := w.opts.Size - w.mu.size; announced > 0 {
		room = min(room, announced)
	}
	from := &erring{r: r}
	n, err = w.mu.block.ReadFrom(io.LimitReader(from, room))
	w.mu.size += n
	if !from.failed() && isFull(err) { // the tiers are, before they took bytes that they could not keep
		return n, true, w.orFailLocked(w.fullLocked(err))
	}
	if err != nil {
		return n, true, w.failLocked(err)
	}
	if n < room {
		return n, true, io.EOF
	}
	return n, true, nil
}

// erring remembers how a caller's Reader ended: its errors may be of the tiers as well, where it reads a file of Millpond's.
type erring struct {
	r   io.Reader
	err error
}

func (e *erring) Read(p []byte) (n int, err error) {
	n, err = e.r.Read(p)
	e.err = err
	return n, err
}

func (e *erring) failed() bool { return e.err != nil && e.err != io.EOF }

// readOneLocked looks where the file was to end whether r has more: there may be no room for it, so it is read before room is made,
// and then goes wherever the write type says.
func (w *nodeWriter) readOneLocked(r io.Reader) (int64, error) {
	var one [1]byte
	n, err := r.Read(one[:])
	if n > 0 {
		if _, err := w.appendLocked(one[:n]); err != nil {
			return 0, err
		}
	}
	if err != nil && err != io.EOF {
		return int64(n), w.failLocked(err)
	}
	return int64(n), err
}

// orFailLocked ends the writer if there is an error.
func (w *nodeWriter) orFailLocked(err error) error {
	if err != nil {
		return w.failLocked(err)
	}
	return nil
}

func (w *nodeWriter) readCopied(r io.Reader) (int64, error) {
	from := &erring{r: r}
	n, err := io.CopyBuffer(struct{ io.Writer }{w}, from, make([]byte, 256<<10))
	if !from.failed() || w.mu.take(w.ctx) != nil { // a writer whose context has ended has ended, too
		return n, err
	}
	defer w.mu.pass()
	if err := w.usableLocked(); err != nil {
		return n, w.error("write", err)
	}
	return n, w.error("write", w.failLocked(err))
}

// usableLocked is nil while bytes can be appended.
func (w *nodeWriter) usableLocked() error {
	switch {
	case w.mu.err != nil:
		return w.mu.err
	case w.mu.done:
		return ErrClosed
	}
	return context.Cause(w.ctx)
}

// readyLocked makes sure that there is a block to write to, if the tiers take part.
func (w *nodeWriter) readyLocked() error {
	if err := w.usableLocked(); err != nil {
		return err
	}
	if w.mu.cache && w.mu.block != nil && w.mu.block.Len() == w.bs {
		if err := w.finishBlockLocked(); err != nil {
			return w.failLocked(err)
		}
	}
	if w.mu.cache && w.mu.block == nil {
		if err := w.newBlockLocked(); err != nil {
			return w.failLocked(err)
		}
	}
	return nil
}

// roomWithin is how long an AsyncThrough writer waits for tiers that are full of files being written, none of which gets on: they may be its
// own program's, which writes in turns. Then it writes through.
const roomWithin = 5 * time.Second

// newBlockLocked begins the next block, or, if the tiers are full, goes on as the write type says.
func (w *nodeWriter) newBlockLocked() error {
	id := tier.NewBlockID(w.id, uint32(w.mu.size/w.bs))
	o := tier.PutOptions{Hold: w.held() || w.mu.lends, Pin: w.opts.Pin, Try: w.opts.WriteType == CacheThrough}
	if w.opts.WriteType == AsyncThrough {
		o.Wait = roomWithin
	}
	b, err := w.n.tiers.Create(w.ctx, id, w.hint(), o)
	if err == nil {
		w.mu.block = b
		return nil
	}
	if !isFull(err) {
		return err
	}
	return w.fullLocked(err)
}

// hint is how long the next block will be, as far as the caller has said.
func (w *nodeWriter) hint() int64 {
	if w.opts.Size <= w.mu.size {
		return 0
	}
	return min(w.bs, w.opts.Size-w.mu.size)
}

// held reports whether the tiers have the only copy.
func (w *nodeWriter) held() bool {
	return w.opts.WriteType == MustCache || w.opts.WriteType == AsyncThrough
}

// writeSome appends what of p fits into the block.
func (w *nodeWriter) writeSome(p []byte) (int, error) {
	through := w.mu.up != nil && !w.mu.lends
	if w.mu.block != nil {
		p = p[:min(int64(len(p)), w.bs-w.mu.block.Len())]
		n, err := w.mu.block.Write(p)
		if isFull(err) {
			err = w.fullLocked(err)
		}
		if err != nil || !through { // when the writer turned to the store just now, that has the n bytes too
			return n, err
		}
	}
	return w.mu.up.Write(p)
}

// finishBlockLocked commits the block that is being written, and lends it to the upload.
func (w *nodeWriter) finishBlockLocked() error {
	b := w.mu.block
	if b.Len() == 0 { // begun for bytes that did not come
		w.mu.block, w.mu.outside = nil, false
		b.Abort()
		return nil
	}
	lends := w.mu.lends
	if lends && !b.InMemory() { // the disk may not take it: then its bytes are gone
		lends = false
		if err := w.sendBlockLocked(); err != nil {
			return err
		}
	}
	w.mu.block = nil
	if w.mu.outside {
		w.mu.outside = false
		return w.spillLocked(b)
	}
	var spare *tier.Writer // what is for a disk that turns out to be full
	if !b.InMemory() && w.spillsLocked() {
		spare = w.n.tiers.Detached(tier.BlockID{}, b)
	}
	if _, err := b.Commit(w.ctx); err != nil {
		if isFull(err) && spare != nil {
			return w.spillLocked(spare)
		}
		if isFull(err) && w.opts.WriteType == CacheThrough {
			w.dropBlocksLocked()
			return nil
		}
		return err
	}
	w.mu.blocks = append(w.mu.blocks, tier.NewBlockID(w.id, uint32(len(w.mu.blocks))))
	if w.mu.lends {
		return w.lendBlockLocked(lends)
	}
	return nil
}

// lendBlockLocked hands the last finished block to the upload, unless that has its bytes already. It was held until now; from
// here on the store will have it.
func (w *nodeWriter) lendBlockLocked(send bool) error {
	i := len(w.mu.blocks) - 1
	if send {
		in := namespace.Inode{FileID: w.id, BlockSize: w.bs, Size: w.mu.size}
		if err := w.n.uploadBlock(w.ctx, w.mu.up, &in, int64(i)); err != nil {
			return err
		}
	}
	w.n.tiers.Unhold(w.mu.blocks[i])
	return nil
}

// failLocked ends the writer with err: nothing of the file stays.
func (w *nodeWriter) failLocked(err error) error {
	if w.mu.err == nil {
		w.mu.err = err
		w.endLocked()
	}
	return err
}

// endLocked takes back what was written and the name.
func (w *nodeWriter) endLocked() {
	if w.mu.done {
		return
	}
	w.mu.done = true
	if w.mu.block != nil {
		w.mu.block.Abort()
		w.mu.block = nil
	}
	if w.mu.up != nil {
		w.mu.up.abort()
	}
	defer w.n.writers.remove(w)
	switch err := w.n.abandon(w); {
	case errors.Is(err, errLater): // its blocks are dropped then
	case err != nil: // the journal takes nothing more: it may have taken the Close, and the blocks go at the next Open if it has not
		if !errors.Is(err, ErrClosed) {
			w.n.log.Warn("a file that was given up is still listed", "path", w.path, "err", err)
		}
	case !w.complete():
		w.n.tiers.DropFile(w.id)
	}
}

func (w *nodeWriter) Abort() error {
	w.cancel(ErrClosed)
	_ = w.mu.take(context.WithoutCancel(w.ctx)) // what is under way ends soon: it has lost its context
	defer w.mu.pass()
	if w.mu.done {
		return w.error("abort", w.abortedLocked())
	}
	w.endLocked()
	return nil
}

// abortedLocked: a writer that an error ended is aborted already.
func (w *nodeWriter) abortedLocked() error {
	if w.mu.err != nil {
		return nil
	}
	return ErrClosed
}

func (w *nodeWriter) error(op string, err error) error { return pathError(op, w.path, err) }
