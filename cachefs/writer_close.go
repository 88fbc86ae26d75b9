package cachefs

import (
	"time"

	"github.com/millpond/millpond/internal/namespace"
)

// Close makes the file complete: it is visible to readers, whole, when Close returns nil. For CacheThrough and Through
// the under store has published it then; an error that leaves open whether it has is returned unless the store turns out
// to have the very bytes that are cached. For MustCache and AsyncThrough its bytes are on a disk tier, if the node has
// one and a journal that survives: a node has no other to give a copy to. After an error the file is gone, or, with
// Overwrite, is what it was; one whose store does not say what became of it shows, incomplete, until the store answers. A
// second Close is ErrClosed.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mu.err != nil {
		return w.error("close", w.mu.err)
	}
	if err := w.usableLocked(); err != nil {
		if !w.mu.done {
			w.failLocked(err)
		}
		return w.error("close", err)
	}
	if err := w.closeLocked(); err != nil {
		w.failLocked(err)
		if w.mu.up != nil && doubtful(err) { // the store may have it all the same
			ctx, cancel := w.n.outliving(w.ctx, settleAfter)
			defer cancel()
			w.n.lookAfter(ctx, w.mu.up.m, w.mu.up.key, w.path)
		}
		return w.error("close", err)
	}
	w.mu.done = true
	w.n.writers.remove(w)
	return nil
}

func (w *Writer) closeLocked() error {
	if w.mu.block != nil {
		if err := w.finishBlockLocked(); err != nil {
			return err
		}
	}
	c := namespace.CompleteFile{
		Ino: w.ino, Lease: w.n.lease, FileID: w.id, Size: w.mu.size, ModTime: time.Now().UnixNano(), Homes: []string{w.n.id},
	}
	if w.mu.up != nil {
		return w.publishLocked(&c)
	}
	if err := w.saveLocked(); err != nil {
		return err
	}
	c.Persist = namespace.NotPersisted
	if w.opts.WriteType == AsyncThrough {
		c.Persist = namespace.ToPersist
	}
	if _, err := w.n.change(w.ctx, &c); err != nil && (w.ctx.Err() == nil || !w.completed()) {
		return err
	}
	if c.Persist == namespace.ToPersist {
		w.n.persist.kick()
	}
	return nil
}

// completed reports whether the file is complete although nobody has said so, because the writer's context ended first. If
// it is not, it never will be.
func (w *Writer) completed() bool {
	if w.n.abandon(w) != nil {
		return false
	}
	in, ok := w.n.tree.Get(w.ino)
	return ok && in.Complete && in.FileID == w.id
}

// saveLocked makes the only copy survive the process, where something of this node does.
func (w *Writer) saveLocked() error {
	if !w.n.durable() || len(w.mu.blocks) == 0 {
		return nil
	}
	return w.n.tiers.Save(w.ctx, w.mu.blocks...)
}

// durable reports whether both the namespace and some tier survive the process.
func (n *Node) durable() bool { return n.disk && n.cfg.Journal.Dir != "" }

// publishLocked publishes the upload and completes the file, under one intent.
func (w *Writer) publishLocked(c *namespace.CompleteFile) error {
	c.Persist = namespace.Persisted
	err := w.n.publish(w.ctx, w.path, w.ino, w.mu.up, c)
	if err == nil && !w.mu.cache {
		w.n.tiers.DropFile(w.id)
	}
	return err
}
