package cachefs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/tier"
)

func (w *nodeWriter) Close() error {
	if err := w.mu.take(w.ctx); err != nil {
		return w.error("close", err)
	}
	defer w.mu.pass()
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
		if w.mu.up == nil && (errors.Is(err, ErrNotExist) || errors.Is(err, tier.ErrMiss)) { // it was removed, and its blocks
			err = fmt.Errorf("%w: %w", ErrLeaseLost, err)
		}
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

func (w *nodeWriter) closeLocked() error {
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
	return w.completeLocked(c)
}

// completeLocked completes a file that only the tiers have, once as many nodes have it as should. Where all that took it have said
// since that they leave, others take it.
func (w *nodeWriter) completeLocked(c namespace.CompleteFile) error {
	homes, err := w.spreadLocked()
	if err != nil {
		if err := w.orThroughLocked(err, homes...); err != nil {
			return err
		}
		return w.publishLocked(&c)
	}
	kept := c
	kept.Homes, kept.Persist = homes, namespace.NotPersisted
	if w.opts.WriteType == AsyncThrough {
		kept.Persist = namespace.ToPersist
	}
	_, err = w.n.change(w.ctx, &kept)
	if errors.Is(err, ErrLeaseLost) && w.homesLeaveLocked(homes) {
		return w.completeLocked(c)
	}
	if err != nil && (w.ctx.Err() == nil || !w.completed()) {
		return err
	}
	if w.mu.spilled.host != "" {
		w.settleSpilledLocked(homes)
	}
	if kept.Persist == namespace.ToPersist {
		w.n.persist.kick()
	}
	w.n.awaitHomes(w.ctx, w.path, w.n.replaceLeavers(w.ctx, w.path, w.ino, len(homes)))
	return nil
}

// homesLeaveLocked reports whether a file that is still this writer's was not completed because its homes leave. None of them is
// asked again, so that this ends. A file that is here as a whole has no such trouble: its writer ends before its node leaves.
func (w *nodeWriter) homesLeaveLocked(homes []string) bool {
	in, ok := w.n.tree.Get(w.ino)
	if w.mu.spilled.host == "" || !ok || in.Complete || in.Lease != w.n.lease {
		return false
	}
	stay := w.n.staying()
	return !slices.ContainsFunc(homes, func(id string) bool { return stay[id] })
}

// spreadLocked has other nodes take copies of what only the tiers have. It returns the nodes that have all, this one first if it is
// one of them.
func (w *nodeWriter) spreadLocked() ([]string, error) {
	homes := []string{w.n.id}
	if w.n.isAlone() {
		return homes, nil
	}
	in, ok := w.n.tree.Get(w.ino)
	if !ok {
		return nil, ErrLeaseLost
	}
	in.Size, in.FileID, in.BlockSize = w.mu.size, w.id, w.bs
	stay := w.n.staying()
	want := w.n.copies(in.ReplicasMin, stay)
	if host := w.mu.spilled.host; host != "" {
		return w.n.spreadSpilled(w.ctx, &in, host, want, stay)
	}
	return w.n.spread(w.ctx, &in, homes, want, stay)
}

// replaceLeavers has other nodes take copies of a complete file where one that had some has said that it leaves, before the
// file was complete: it is no home then. It returns the homes. The file is complete whatever comes of it.
func (n *Node) replaceLeavers(ctx context.Context, path string, ino uint64, want int) []string {
	for {
		in, ok := n.tree.Get(ino)
		if !ok { // removed since
			return nil
		}
		if len(in.Homes) >= min(want, len(n.staying())) || in.Persist == namespace.Persisted {
			return in.Homes
		}
		changes := n.tree.LeavingChanges()
		err := n.addHomes(ctx, &in, in.Homes, want)
		now, _ := n.tree.Get(ino)
		if err != nil || len(now.Homes) == len(in.Homes) && changes == n.tree.LeavingChanges() {
			n.log.Warn("a complete file has fewer copies than it should have", "path", path, "have", len(now.Homes), "want", want, "err", err)
			return now.Homes
		}
	}
}

// fewNodes are so few that there is one voter: what the journal has acknowledged is on the disk of one node.
const fewNodes = 3

// awaitHomes returns, where fewNodes live, when the homes of a file have its inode: then it survives the only voter. A home
// that dies is not waited for. The file is complete whatever comes of it.
func (n *Node) awaitHomes(ctx context.Context, path string, homes []string) {
	if n.isAlone() || len(n.living()) >= fewNodes {
		return
	}
	if err := n.everywhere(ctx, homes); err != nil {
		n.log.Warn("a complete file may be known to its voter alone", "path", path, "err", err)
	}
}

// completed reports whether the file is complete although nobody has said so, because the writer's context ended first. If
// it is not it never will be, unless the primary is out of reach.
func (w *nodeWriter) completed() bool {
	return w.n.abandon(w) == nil && w.complete()
}

// saveLocked makes the only copy survive the process, where something of this node does.
func (w *nodeWriter) saveLocked() error {
	if !w.n.durable() || len(w.mu.blocks) == 0 || w.mu.spilled.host != "" { // then its homes are others
		return nil
	}
	return w.n.tiers.Save(w.ctx, w.mu.blocks...)
}

// durable reports whether both the namespace and some tier survive the process.
func (n *Node) durable() bool { return n.disk && n.cfg.Journal.Dir != "" }

// publishLocked publishes the upload and completes the file, under one intent.
func (w *nodeWriter) publishLocked(c *namespace.CompleteFile) error {
	c.Persist = namespace.Persisted
	err := w.n.publish(w.ctx, w.path, w.ino, w.mu.up, c)
	if err == nil && !w.mu.cache {
		w.n.tiers.DropFile(w.id)
	}
	return err
}
