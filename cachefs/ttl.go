package cachefs

import (
	"context"
	"errors"
	"time"

	"github.com/millpond/millpond/internal/namespace"
)

const ttlPage = 128 // files taken at a time

// runTTL ends times to live, until ctx does. Owner: Node.start.
func (n *Node) runTTL(ctx context.Context) {
	tick := time.NewTicker(n.cfg.TTLInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			n.expire(ctx)
		}
	}
}

// expire acts on what has lived its time. What fails is met again at the next tick.
func (n *Node) expire(ctx context.Context) {
	for _, ino := range n.tree.Expired(time.Now().UnixNano(), ttlPage) {
		path, ok := n.tree.Path(ino)
		in, ok2 := n.tree.Get(ino)
		if !ok || !ok2 {
			continue
		}
		err := n.endOfLife(ctx, path, &in)
		if err != nil && ctx.Err() == nil && !errors.Is(err, ErrNotExist) {
			n.log.Warn("time to live is over, but", "path", path, "action", in.TTLAction, "err", err)
		}
	}
}

func (n *Node) endOfLife(ctx context.Context, path string, in *namespace.Inode) error {
	if in.TTLAction == namespace.TTLDelete {
		return n.remove(ctx, path, RemoveOptions{Recursive: true})
	}
	err := n.free(ctx, path, FreeOptions{Recursive: true})
	if err != nil && !errors.Is(err, ErrNotPersisted) && !errors.Is(err, ErrPinned) {
		return err
	}
	var forever time.Duration
	return n.setAttr(ctx, path, AttrOptions{TTL: &forever})
}
