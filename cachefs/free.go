package cachefs

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/tier"
)

// Free drops the cached blocks of a file, or of all files below a directory, and returns when they are gone. It
// changes nothing else: they are fetched again when they are read. In a directory it stops at the first file that it may not
// free; what it came by before that is freed, and with Force no longer pinned.
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
	f := &freeing{n: n, user: n.user(ctx), opts: o}
	if !in.Dir {
		now, err := n.tree.Stat(path, f.user)
		if err == nil {
			err = f.file(ctx, path, &now)
		}
		return errors.Join(err, f.end(ctx))
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
	err = n.eachFile(ctx, path, f.user, func(sub string, in *namespace.Inode) error {
		return pathError("free", sub, f.file(ctx, sub, in))
	})
	return errors.Join(err, f.end(ctx))
}

// freeing is one Free under way. In a mesh it is told to all nodes by the journal, many files at a time.
type freeing struct {
	n     *Node
	user  *namespace.User
	opts  FreeOptions
	batch []namespace.Freeing
	told  bool
}

// file frees one file.
func (f *freeing) file(ctx context.Context, path string, in *namespace.Inode) error {
	if err := mayRead(in, f.user); err != nil {
		return err
	}
	switch {
	case !in.Complete:
		return ErrIncomplete
	case in.Persist != namespace.Persisted:
		return ErrNotPersisted
	case in.Pinned && !f.opts.Force:
		return ErrPinned
	case in.Pinned:
		if err := f.n.unpin(ctx, path); err != nil {
			return err
		}
	}
	if f.n.isAlone() {
		f.n.dropBlocks(in.FileID, blocksOf(in))
		return nil
	}
	if f.batch = append(f.batch, namespace.Freeing{Ino: in.Ino, FileID: in.FileID}); len(f.batch) < freeBatch {
		return nil
	}
	return f.flush(ctx)
}

// freeBatch is how many files one entry of the journal frees: 10 KiB.
const freeBatch = 512

func (f *freeing) flush(ctx context.Context) error {
	if len(f.batch) == 0 {
		return nil
	}
	_, err := f.n.propose(ctx, &namespace.FreeFiles{Files: f.batch})
	f.batch, f.told = f.batch[:0], true
	return err
}

// end returns when every live node has dropped what was freed. One that is away drops nothing that anybody would miss.
func (f *freeing) end(ctx context.Context) error {
	if err := f.flush(ctx); err != nil || !f.told {
		return err
	}
	live := f.n.living()
	return errors.Join(f.n.effects.wait(ctx, f.n.ctx.Done()), f.n.everywhere(ctx, slices.Collect(maps.Keys(live))))
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
