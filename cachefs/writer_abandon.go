package cachefs

import (
	"context"
	"errors"

	"github.com/millpond/millpond/internal/namespace"
)

// errLater: nobody waits for a file to be taken away any more.
var errLater = errors.New("is done when the primary is reached")

// abandon takes the incomplete file out of the namespace, whatever the writer's context says by now: that is waited for
// settleAfter longer than it lasts. Then, since the primary is out of reach, it is done behind, with the blocks: errLater.
// What an intent holds, because its store does not say what became of it, goes when that has ended: nobody waits for it.
func (n *Node) abandon(w *nodeWriter) error {
	ctx, cancel := n.outliving(w.ctx, settleAfter)
	defer cancel()
	c := &namespace.AbandonFile{Ino: w.ino, Lease: n.lease}
	_, err := n.proposeOnce(ctx, c)
	_, held := errors.AsType[*namespace.IntentError](err)
	late := err != nil && ctx.Err() != nil
	if !held && !late {
		return err
	}
	if !n.spawn(func(ctx context.Context) { n.abandonBehind(ctx, w, c) }) {
		return ErrClosed
	}
	if late {
		return errLater
	}
	return nil
}

func (n *Node) abandonBehind(ctx context.Context, w *nodeWriter, c *namespace.AbandonFile) {
	if _, err := n.propose(ctx, c); err != nil {
		if ctx.Err() == nil {
			n.log.Warn("a file that was given up is still listed", "path", w.path, "err", err)
		}
		return
	}
	if !w.complete() { // its Close had not come to the journal
		n.tiers.DropFile(w.id)
	}
}

// complete reports whether the replica knows the file as complete, with the bytes that were written.
func (w *nodeWriter) complete() bool {
	in, ok := w.n.tree.Get(w.ino)
	return ok && in.Complete && in.FileID == w.id
}
