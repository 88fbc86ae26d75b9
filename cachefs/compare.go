package cachefs

import (
	"context"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/tier"
)

// compareAtStart brings tiers and replica together after a start, when the tiers know what they have.
func (n *Node) compareAtStart(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-n.tiers.Recovered():
		n.compare(ctx)
	}
}

// compare finds what this node missed: blocks that no file names any more are dropped, and files whose only copy was
// here and is gone are marked Lost (or found again). It looks at what was there when the node started: later blocks
// have their effects.
func (n *Node) compare(ctx context.Context) {
	if err := n.overlay.flush(ctx); err != nil {
		return
	}
	held := map[tier.FileID]bool{} // of files that the replica may not know
	for b := range n.tiers.All() {
		if b.Held {
			held[b.ID.File()] = true
		}
	}
	for f := range held {
		if n.writers.writes(f) {
			delete(held, f)
		}
	}
	var doubtful []uint64 // inodes: whose only copy is here
	n.tree.All(func(in *namespace.Inode) bool {
		delete(held, in.FileID)
		if !in.Dir && in.Complete && in.Persist != namespace.Persisted {
			doubtful = append(doubtful, in.Ino)
		}
		return true
	})
	for f := range held {
		n.tiers.DropFile(f)
	}
	for _, ino := range doubtful {
		if err := n.checkLost(ctx, ino); err != nil && ctx.Err() == nil {
			n.log.Warn("a file that may be lost is not marked", "ino", ino, "err", err)
		}
	}
}

// checkLost marks a file whose only copy was here by whether it still is.
func (n *Node) checkLost(ctx context.Context, ino uint64) error {
	in, ok := n.tree.Get(ino)
	if !ok || !in.Complete || in.Persist == namespace.Persisted {
		return nil
	}
	lost := !n.holdsAll(&in)
	if lost == (in.Persist == namespace.Lost) {
		return nil
	}
	_, err := n.propose(ctx, &namespace.MarkLost{Ino: ino, FileID: in.FileID, Found: !lost})
	n.persist.moved()
	if err != nil || !lost {
		return err
	}
	path, _ := n.tree.Path(ino)
	n.lost(fileInfo(path, &in), "its only copy was in this node's tiers")
	return nil
}

// lost tells that a file's bytes are gone, and why.
func (n *Node) lost(f FileInfo, why string) {
	n.log.Warn("file lost: "+why, "path", f.Path, "size", f.Size)
	if n.cfg.Events.FileLost != nil {
		n.cfg.Events.FileLost(f)
	}
}
