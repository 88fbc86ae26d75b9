package cachefs

import (
	"context"
	"errors"
	"time"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/ufs"
)

// Listings of some stores lag: what was just written is not in them yet, or as it was before, and found by its name. So what is new to the
// replica, and a listing lacks or has in another version, is asked for before it is taken for gone or changed.

// lagFor is how old a name may be that listings may still lack. Swift's containers hear of their objects within seconds, by its updater
// within minutes where one of them was away.
const lagFor = 15 * time.Minute

// overwritten has those of a listing's entries asked for that may be older than what the replica has.
func (n *Node) overwritten(ctx context.Context, s *ufs.Store, path string, entries []ufs.Attr, at int64) ([]ufs.Attr, error) {
	now := make([]ufs.Attr, 0, len(entries))
	for _, a := range entries {
		in, err := n.tree.Stat(join(path, baseOf("/"+a.Key)), nil)
		if err == nil && !in.Dir && in.Persist == namespace.Persisted && !a.Is(in.Version.String()) && at-in.ChangeTime <= int64(lagFor) {
			if a, err = s.Stat(ctx, a.Key); errors.Is(err, ErrNotExist) {
				continue // discoverRest takes it for gone
			} else if err != nil {
				return nil, err
			}
		}
		now = append(now, a)
	}
	return now, nil
}

// discoverRest ends a listing: what it lacks is gone, but for what a store whose listings lag has all the same.
func (n *Node) discoverRest(ctx context.Context, s *ufs.Store, m *mount, path, key string, began listing) error {
	var kept []*found
	if s.Caps().EventualList {
		if err := n.overlay.flush(ctx); err != nil {
			return err
		}
		err := n.unlisted(path, began.at, func(p string, in *namespace.Inode) error {
			if began.at-in.ChangeTime > int64(lagFor) {
				return nil
			}
			a, err := n.stillThere(ctx, s, m, p, in)
			if errors.Is(err, ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			f := n.foundAt(m, p, a, *in)
			f.was, f.in.SyncedAt, f.since = namespace.Inode{}, began.at, began.since
			if kept = append(kept, f); len(kept) == foundBatch {
				err = n.discover(ctx, m, kept, &began)
				kept = nil
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	began.keys = []string{key}
	return n.discover(ctx, m, kept, &began)
}

// unlisted shows to each what the replica has in a directory as the store's and was not seen since a time.
func (n *Node) unlisted(path string, since int64, each func(path string, in *namespace.Inode) error) error {
	for after, more := "", true; more; {
		list, rest, err := n.tree.List(path, nil, after, listPage, nil)
		if errors.Is(err, ErrNotExist) || errors.Is(err, ErrNotDir) {
			return nil // it went meanwhile
		}
		if err != nil {
			return err
		}
		for i := range list {
			in := &list[i]
			after = in.Name
			if in.Persist != namespace.Persisted || in.MountPoint || in.SyncedAt >= since {
				continue
			}
			if err := each(join(path, in.Name), in); err != nil {
				return err
			}
		}
		more = rest && len(list) > 0
	}
	return nil
}

// mostAsked is how many files below a directory that a listing lacks are asked for: one that is there keeps it.
const mostAsked = 16

// stillThere asks the store for a name that its listing lacks: ErrNotExist. A directory is there if something below it is.
func (n *Node) stillThere(ctx context.Context, s *ufs.Store, m *mount, path string, in *namespace.Inode) (ufs.Attr, error) {
	_, key := n.mounts.find(path)
	a, err := s.Stat(ctx, key)
	if !in.Dir || !errors.Is(err, ErrNotExist) {
		return a, err
	}
	left := mostAsked
	there := errors.New("there")
	var ask func(path string, in *namespace.Inode) error
	ask = func(path string, in *namespace.Inode) error {
		if in.Dir {
			return n.unlisted(path, 1<<63-1, ask)
		}
		if left--; left < 0 {
			return ErrNotExist
		}
		_, key := n.mounts.find(path)
		if _, err := s.Stat(ctx, key); err == nil {
			return there
		} else if !errors.Is(err, ErrNotExist) {
			return err
		}
		return nil
	}
	switch err := ask(path, in); {
	case err == there:
		return dirAttr(key), nil
	case err != nil:
		return ufs.Attr{}, err
	}
	return ufs.Attr{}, ErrNotExist
}
