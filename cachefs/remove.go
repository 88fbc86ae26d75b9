package cachefs

import (
	"context"
	"errors"
	"fmt"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/ufs"
)

// Remove removes a file or an empty directory, with Recursive a whole tree, here and in the under store. A recursive
// one goes bottom-up, keeps what could not be removed with the directories above it, and its error lists those paths.
// It refuses a directory whose store has entries that the namespace has not seen, unless Unchecked.
func (n *Node) Remove(ctx context.Context, path string, o *RemoveOptions) error {
	return pathError("remove", path, n.latest(ctx, func() error { return n.remove(ctx, path, deref(o)) }))
}

func (n *Node) remove(ctx context.Context, path string, o RemoveOptions) error {
	return n.retryStale(ctx, path, func(in *namespace.Inode) error { return n.removeInode(ctx, path, in, o) })
}

func (n *Node) removeInode(ctx context.Context, path string, in *namespace.Inode, o RemoveOptions) error {
	switch {
	case path == "/":
		return refuse(ErrInvalid, "the root stays; remove what is below it")
	case in.MountPoint:
		return refuse(ErrInvalid, "a mount point: Unmount takes it away and leaves the store alone")
	}
	m, key := n.mounts.find(path)
	if m != nil && m.readOnly && !o.CacheOnly {
		return ErrReadOnly
	}
	if inner := n.mounts.below(path); len(inner) > 0 {
		if !o.Mounts {
			return refuse(ErrInvalid, fmt.Sprintf("%s is mounted below it: Unmount that, or set Mounts", inner[0].path))
		}
		if err := n.unmountAll(withoutOperation(ctx), inner); err != nil {
			return err
		}
	}
	if in.Dir && o.Recursive {
		if err := n.mayEmpty(ctx, path, in); err != nil {
			return err
		}
	}
	if o.CacheOnly || m == nil {
		_, err := n.change(ctx, &namespace.Remove{Path: path, User: n.user(ctx), Recursive: o.Recursive, CacheOnly: o.CacheOnly})
		return n.forgotten(ctx, in.Dir, err)
	}
	if in.Dir && !o.Unchecked {
		if err := n.checkSeen(ctx, path, in, o.Recursive); err != nil {
			if now, e := n.tree.Stat(path, nil); e != nil || now.Ino != in.Ino {
				return namespace.ErrStale
			}
			return err
		}
	}
	b := &namespace.Begin{Kind: namespace.IntentRemove, Path: path, Ino: in.Ino, User: n.user(ctx), Recursive: o.Recursive, Unchecked: o.Unchecked, Prior: in.Version.String()}
	return n.forgotten(ctx, in.Dir, n.withIntent(ctx, b, func(ctx context.Context, s *ufs.Store, id uint64) (outcome, error) {
		if !in.Dir {
			return outcome{}, gone(s.Delete(ctx, key))
		}
		return outcome{}, n.removeTree(ctx, s, path, key, id, o)
	}))
}

// removed waits until the tiers have let go of what a change dropped, or ctx ends: who removes a file wants its room. The change is made.
func (n *Node) removed(ctx context.Context, err error) error {
	if err == nil {
		_ = n.effects.wait(ctx, n.ctx.Done())
	}
	return err
}

// forgotten is removed for a tree, which goes in steps. Those that are not made here the primary makes.
func (n *Node) forgotten(ctx context.Context, dir bool, err error) error {
	if err == nil && dir {
		_ = n.finish(ctx)
	}
	return n.removed(ctx, err)
}

// gone takes "not there" for success: that is what a removal wants.
func gone(err error) error {
	if errors.Is(err, ErrNotExist) {
		return nil
	}
	return err
}
