package cachefs

import (
	"context"
	"errors"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/ufs"
)

// lookToList is look for who goes on to list path. In a flat store, a directory that nobody has looked at is listed
// straight away, which says what a Stat would, and saves that Stat's requests; listed says that it was. Real directories
// are looked at: a listing does not tell their own mode and owner.
func (n *Node) lookToList(ctx context.Context, path string, sync bool) (in namespace.Inode, listed bool, err error) {
	if m, key := n.mounts.find(path); m != nil && !sync && n.neverSeen(ctx, m, path, key) {
		switch err := n.listUnseen(ctx, m, path, key); {
		case err == nil:
			in, err = n.tree.Stat(path, n.user(ctx))
			return in, true, err
		case !errors.Is(err, ErrNotDir) && err != errKnown:
			return in, false, err
		}
	}
	in, from, err := n.look(ctx, path, sync)
	if err != nil || from == nil {
		return in, false, err
	}
	if err := n.overlay.flush(ctx); err != nil {
		return in, false, err
	}
	in, err = n.tree.Stat(path, n.user(ctx))
	return in, false, err
}

// neverSeen reports whether only the flat store of m can say what path is.
func (n *Node) neverSeen(ctx context.Context, m *mount, path, key string) bool {
	if n.ready(ctx) != nil || checkPath(path) != nil || n.overlay.get(path) != nil {
		return false
	}
	if _, err := n.tree.Stat(path, n.user(ctx)); !errors.Is(err, ErrNotExist) {
		return false
	}
	if id, coming := n.tree.Pending(path); id != 0 || coming || n.believedAbsent(m, path, key) {
		return false
	}
	store, err := m.open(ctx)
	return err == nil && !store.Caps().Directories
}

// listUnseen lists a directory that the replica does not have, once however many want it, and tells the replica of it and
// of what it holds.
func (n *Node) listUnseen(ctx context.Context, m *mount, path, key string) error {
	_, err := n.lists.Do(ctx, statKey(m, key), func(ctx context.Context) (struct{}, error) {
		return struct{}{}, n.discoverDir(ctx, m, path, key)
	})
	return err
}

func (n *Node) discoverDir(ctx context.Context, m *mount, path, key string) error {
	store, err := m.open(ctx)
	if err != nil {
		return err
	}
	began := listing{at: n.now(), since: n.tree.Index()}
	first, err := store.ListPage(ctx, ufs.ListOptions{Prefix: key})
	if errors.Is(err, ErrNotExist) {
		n.absent.miss(m, key)
	}
	if err != nil {
		return err
	}
	if n.tree.Touched(path, began.since) {
		return errKnown
	}
	d := n.foundAt(m, path, dirAttr(key), namespace.Inode{})
	d.since = began.since
	if err := n.overlay.add(ctx, append(n.parentsOf(d), d)...); err != nil {
		return err
	}
	if err := n.overlay.flush(ctx); err != nil {
		return err
	}
	return n.discoverPages(ctx, store, m, path, key, began, first)
}

// discoverPages tells the replica a page of a listing and all that follow it.
func (n *Node) discoverPages(ctx context.Context, store *ufs.Store, m *mount, path, key string, began listing, page ufs.Page) (err error) {
	lags := store.Caps().EventualList
	for {
		whole := page.Token == ""
		if lags {
			if page.Entries, err = n.overwritten(ctx, store, path, page.Entries, began.at); err != nil {
				return err
			}
		}
		if err := n.discoverPage(ctx, m, path, page, began, key, whole && !lags); err != nil || whole && !lags {
			return err
		}
		if whole {
			return n.discoverRest(ctx, store, m, path, key, began)
		}
		if page, err = store.ListPage(ctx, ufs.ListOptions{Prefix: key, Token: page.Token}); err != nil {
			return err
		}
	}
}
