package cachefs

import (
	"context"
	"errors"
	"time"

	"github.com/millpond/millpond/internal/namespace"
)

const ttlPage = 128 // inodes taken at a time, while none of them fails

// runTTL ends times to live, while this node is the primary, until ctx does. Owner: Node.start.
func (n *Node) runTTL(ctx context.Context) {
	tick := time.NewTicker(n.cfg.TTLInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			n.asPrimary(ctx, n.expire)
		}
	}
}

// expire acts on all that has lived its time, once. What fails holds up nothing else, and is met again at the next tick.
func (n *Node) expire(ctx context.Context) {
	now, tried := time.Now().UnixNano(), map[uint64]bool{}
	for limit := ttlPage; ctx.Err() == nil; {
		list, ended := n.tree.Expired(now, limit), 0
		for _, ino := range list {
			if tried[ino] {
				continue
			}
			tried[ino] = true
			if n.expireOne(ctx, ino) {
				ended++
			}
		}
		switch {
		case ended > 0: // others have their places
			continue
		case len(list) < limit:
			return
		}
		limit *= 2
	}
}

// expireOne reports whether the time to live of an inode is dealt with.
func (n *Node) expireOne(ctx context.Context, ino uint64) bool {
	path, ok := n.tree.Path(ino)
	in, known := n.tree.Get(ino)
	if !ok || !known {
		return false
	}
	err := n.endOfLife(ctx, path, &in)
	if err != nil && ctx.Err() == nil && !errors.Is(err, ErrNotExist) && !errors.Is(err, namespace.ErrStale) {
		n.log.Warn("time to live is over, but", "path", path, "action", in.TTLAction, "err", err)
	}
	return err == nil
}

// endOfLife does what is to be done with in, if path still names it and it was given no more time.
func (n *Node) endOfLife(ctx context.Context, path string, in *namespace.Inode) error {
	now, err := n.known(ctx, path)
	switch {
	case err != nil:
		return err
	case now == nil || now.Ino != in.Ino || now.TTL != in.TTL || now.TTLFrom != in.TTLFrom || now.TTLAction != in.TTLAction:
		return namespace.ErrStale
	case in.TTLAction == namespace.TTLDelete:
		return n.removeInode(ctx, path, now, RemoveOptions{Recursive: true})
	}
	err = n.free(ctx, path, FreeOptions{Recursive: true})
	switch {
	case errors.Is(err, ErrNotPersisted) && now.Persist == namespace.ToPersist: // it leaves when it is in its store
		return namespace.ErrStale
	case err != nil && !errors.Is(err, ErrNotPersisted) && !errors.Is(err, ErrPinned):
		return err
	}
	var forever time.Duration
	return n.setInodeAttr(ctx, path, now, AttrOptions{TTL: &forever})
}
