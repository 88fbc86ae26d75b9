package cachefs

import (
	"context"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/tier"
)

// Free drops the cached blocks of a file, or of all files below a directory, and returns when they are gone. It
// changes nothing else: they are fetched again when they are read.
func (n *Node) Free(ctx context.Context, path string, o *FreeOptions) error {
	return pathError("free", path, n.latest(ctx, func() error { return n.free(ctx, path, deref(o)) }))
}

func (n *Node) free(ctx context.Context, path string, o FreeOptions) error {
	in, _, err := n.look(ctx, path, false)
	if err != nil {
		return err
	}
	if err := n.overlay.flush(ctx); err != nil {
		return err
	}
	if !in.Dir {
		return n.freeFile(ctx, path, &in, o)
	}
	if !o.Recursive {
		if list, _, err := n.tree.List(path, n.user(ctx), "", 1, nil); err != nil || len(list) > 0 {
			if err == nil {
				err = ErrNotEmpty
			}
			return err
		}
	}
	if o.Force && in.Pinned {
		if err := n.unpin(ctx, path); err != nil {
			return err
		}
	}
	return n.eachFile(ctx, path, n.user(ctx), func(sub string, in *namespace.Inode) error {
		return pathError("free", sub, n.freeFile(ctx, sub, in, o))
	})
}

func (n *Node) freeFile(ctx context.Context, path string, in *namespace.Inode, o FreeOptions) error {
	if err := mayRead(in, n.user(ctx)); err != nil {
		return err
	}
	switch {
	case !in.Complete:
		return ErrIncomplete
	case in.Persist != namespace.Persisted:
		return ErrNotPersisted
	case in.Pinned && !o.Force:
		return ErrPinned
	case in.Pinned:
		if err := n.unpin(ctx, path); err != nil {
			return err
		}
	}
	n.dropBlocks(in.FileID, blocksOf(in))
	return nil
}

// dropBlocks drops the cached blocks of a file that has that many, those that are being brought, too.
func (n *Node) dropBlocks(file tier.FileID, blocks int64) {
	n.filler.free(file)
	n.tiers.DropBlocks(file, blocks)
}

func (n *Node) unpin(ctx context.Context, path string) error {
	pin := false
	return n.setAttr(ctx, path, AttrOptions{Pin: &pin})
}

// eachFile calls do with every file that the replica has below a directory, in the order of the walk, and stops at the
// first error: ErrPermission for a directory that u may not list. Memory is a page a level.
func (n *Node) eachFile(ctx context.Context, dir string, u *namespace.User, do func(path string, in *namespace.Inode) error) error {
	for after := ""; ; {
		list, more, err := n.tree.List(dir, u, after, listPage, nil)
		if err != nil {
			return err
		}
		for i := range list {
			in, path := &list[i], join(dir, list[i].Name)
			if err := ctx.Err(); err != nil {
				return context.Cause(ctx)
			}
			if in.Dir {
				err = n.eachFile(ctx, path, u, do)
			} else {
				err = do(path, in)
			}
			if err != nil {
				return err
			}
		}
		if !more || len(list) == 0 {
			return nil
		}
		after = list[len(list)-1].Name
	}
}
