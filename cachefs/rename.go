package cachefs

import (
	"context"
	"errors"
	"fmt"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/ufs"
)

// Rename moves a file or directory within its mount: every reader sees the old name or the new one. Renaming onto
// itself does nothing. Below a mount what is being written, or holds what is, does not move: ErrBusy.
func (n *Node) Rename(ctx context.Context, from, to string, o *RenameOptions) error {
	return linkError("rename", from, to, n.latest(ctx, func() error { return n.rename(ctx, from, to, deref(o)) }))
}

func (n *Node) rename(ctx context.Context, from, to string, o RenameOptions) error {
	if err := checkPath(to); err != nil {
		return err
	}
	return n.retryStale(ctx, from, func(in *namespace.Inode) error { return n.renameInode(ctx, from, to, in, o) })
}

func (n *Node) renameInode(ctx context.Context, from, to string, in *namespace.Inode, o RenameOptions) error {
	target, err := n.known(ctx, to)
	if err != nil {
		return err
	}
	if err := n.movable(from, to, in, target); err != nil {
		return err
	}
	m, fromKey := n.mounts.find(from)
	tm, toKey := n.mounts.find(to)
	if m != tm {
		return ErrCrossMount
	}
	if m != nil && m.readOnly {
		return ErrReadOnly
	}
	if m == nil || from == to {
		_, err := n.change(ctx, &namespace.Rename{From: from, To: to, User: n.user(ctx), Overwrite: o.Overwrite})
		return err
	}
	b := &namespace.Begin{Kind: namespace.IntentRename, Path: from, Ino: in.Ino, To: to, User: n.user(ctx), Overwrite: o.Overwrite, Prior: in.Version.String()}
	err = n.withIntent(ctx, b, func(ctx context.Context, s *ufs.Store, id uint64) (outcome, error) {
		n.absent.forget(m, toKey)
		it, _ := n.tree.Intent(id)
		return n.renameStored(ctx, s, m, it.Ino, fromKey, toKey, target != nil, o.Overwrite)
	})
	if errors.Is(err, ErrBusy) {
		if path := n.writers.below(from); path != "" {
			return fmt.Errorf("%w: %s is being written; close its writer first", err, path)
		}
	}
	if err == nil && in.Dir {
		n.seeCopies(ctx, m, to)
	}
	return err
}

// seeCopies looks again at a directory that has moved in a store that copies file by file. Copies have versions of their
// own, and reading one by its old version would say that it has changed. What is missed here is found that way.
func (n *Node) seeCopies(ctx context.Context, m *mount, dir string) {
	s, err := m.open(ctx)
	if err == nil && !s.Caps().RenameDir {
		n.seeBelow(ctx, dir)
	}
}

// seeBelow looks at all that a store has below a directory, as far as that goes.
func (n *Node) seeBelow(ctx context.Context, dir string) {
	for _, err := range n.List(ctx, dir, &ListOptions{Recursive: true, Sync: true}) {
		if err != nil {
			return
		}
	}
}

// movable refuses what has its place for good.
func (n *Node) movable(from, to string, in, target *namespace.Inode) error {
	rel, inside := below(from, to)
	switch {
	case from == "/" || to == "/":
		return refuse(ErrInvalid, "the root stays where it is")
	case in.MountPoint || from != to && target != nil && target.MountPoint:
		return refuse(ErrInvalid, "a mount point: Unmount it and Mount it elsewhere")
	case inside && rel != "":
		return refuse(ErrInvalid, "a directory cannot lie below itself")
	}
	if inner := n.mounts.below(from); from != to && len(inner) > 0 {
		return refuse(ErrInvalid, fmt.Sprintf("%s is mounted below it: Unmount that first", inner[0].path))
	}
	return nil
}

// renameStored is the store's part of a rename. The intent holds both names, so what the store has is looked at now: an
// upload may have published the file since the caller looked.
func (n *Node) renameStored(ctx context.Context, s *ufs.Store, m *mount, ino uint64, from, to string, replaces, overwrite bool) (outcome, error) {
	now, ok := n.tree.Get(ino)
	if !ok {
		return outcome{}, ErrNotExist
	}
	has, err := n.stored(ctx, m, from, &now)
	switch {
	case err != nil:
		return outcome{}, err
	case !has && replaces: // the store has at most what is replaced
		return outcome{}, gone(s.Delete(ctx, to))
	case !has:
		return outcome{}, nil
	}
	if err := makeParent(ctx, s, to); err != nil {
		return outcome{}, err
	}
	a, err := s.Rename(ctx, from, to, overwrite)
	return sameBytes(now.Version.String(), a), err
}

// stored reports whether the under store has something under the name of in. A directory may be there only because a
// file below it was published, and a file that is not persisted may have replaced one that was: so that is asked.
func (n *Node) stored(ctx context.Context, m *mount, key string, in *namespace.Inode) (bool, error) {
	switch {
	case m == nil || in.MountPoint:
		return false, nil
	case !in.Dir && in.Complete && in.Persist == namespace.Persisted:
		return true, nil
	}
	s, err := m.open(ctx)
	if err != nil {
		return false, err
	}
	_, err = s.Stat(ctx, key)
	if errors.Is(err, ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// makeParent makes sure that a store with real directories has the one that key goes into.
func makeParent(ctx context.Context, s *ufs.Store, key string) error {
	parent := parentOf("/" + key)[1:]
	if parent == "" || !s.Caps().Directories {
		return nil
	}
	err := s.Mkdir(ctx, parent, true, 0o755)
	if errors.Is(err, ErrExist) {
		return nil
	}
	return err
}
