package cachefs

import (
	"context"
	"errors"
	"time"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/ufs"
)

// ensureListed brings the replica's view of a directory up to what its store has, if it was never listed or that is
// too long ago. It costs the pages of one listing, once however many want it, and memory for one page.
func (n *Node) ensureListed(ctx context.Context, path string, dir *namespace.Inode, sync bool) error {
	if err := n.overlay.flush(ctx); err != nil { // a listing shows what was just found
		return err
	}
	m, key := n.mounts.find(path)
	switch {
	case m == nil:
		return nil
	case !sync && n.listedSince(m, dir):
		n.counters.saved.inc()
		return nil
	}
	merged := true
	_, err := n.lists.Do(ctx, statKey(m, key), func(ctx context.Context) (struct{}, error) {
		merged = false
		return struct{}{}, n.listShared(ctx, m, path, key, dir, sync)
	})
	if err == nil && merged {
		n.counters.saved.inc()
	}
	return err
}

// listedSince reports whether what the replica has of a directory is taken for all that its store has in it.
func (n *Node) listedSince(m *mount, dir *namespace.Inode) bool {
	return dir.ChildrenLoaded && m.fresh(time.Unix(0, dir.SyncedAt))
}

// listStore tells the replica what the store has in a directory: new names, new versions, and at the end what is gone.
func (n *Node) listStore(ctx context.Context, m *mount, path, key string, dir *namespace.Inode) error {
	if err := n.overlay.flush(ctx); err != nil {
		return err
	}
	store, err := m.open(ctx)
	if err != nil {
		return &accessError{err}
	}
	began := listing{at: n.now(), since: n.tree.Index()}
	first, err := store.ListPage(ctx, ufs.ListOptions{Prefix: key})
	if err == nil {
		err = n.discoverPages(ctx, store, m, path, key, began, first)
	}
	if errors.Is(err, ErrNotExist) {
		return n.listGone(ctx, store, m, path, key, began)
	}
	return err
}

// listGone handles a directory that the store does not have: one that only the namespace has is listed by that; one
// that the store had is gone, with what it held.
func (n *Node) listGone(ctx context.Context, store *ufs.Store, m *mount, path, key string, began listing) error {
	if path == m.path {
		return ErrNotExist
	}
	return n.discoverRest(ctx, store, m, path, key, began)
}

// discoverPage tells the replica one page, in entries of bounded size; with whole the last one says that this was the last
// page, and the listing is whole.
func (n *Node) discoverPage(ctx context.Context, m *mount, path string, page ufs.Page, began listing, key string, whole bool) error {
	list := make([]*found, 0, min(len(page.Entries), foundBatch))
	for i, a := range page.Entries {
		p := join(path, baseOf("/"+a.Key))
		if checkPath(p) != nil || n.checkLength(a) != nil {
			n.counters.skippedNames.Add(1)
			continue
		}
		var was namespace.Inode
		if a.Was != "" { // these bytes may be known by that name
			was, _ = n.tree.Stat(p, nil)
		}
		f := n.foundAt(m, p, a, was)
		f.was = namespace.Inode{} // a listing replaces whatever is there
		f.in.SyncedAt, f.since = began.at, began.since
		list = append(list, f)
		if len(list) == foundBatch && i < len(page.Entries)-1 {
			if err := n.discover(ctx, m, list, &began); err != nil {
				return err
			}
			list = list[:0]
		}
	}
	if whole {
		began.keys = []string{key}
	}
	if len(list) == 0 && len(began.keys) == 0 {
		return nil
	}
	return n.discover(ctx, m, list, &began)
}

// listing says which directories an entry's found names are all of.
type listing struct {
	keys  []string
	at    int64  // when the listing began: what changed since is newer
	since uint64 // the replica's index then
}

// discover tells the replica what a store has.
func (n *Node) discover(ctx context.Context, m *mount, list []*found, l *listing) error {
	d := namespace.Discover{Mount: m.path, SyncedAt: n.now(), Entries: make([]namespace.Found, 0, len(list))}
	if l != nil {
		d.SyncedAt, d.Listed, d.Since = l.at, l.keys, l.since
	}
	for _, f := range list {
		rel, _ := below(m.path, f.path)
		d.Entries = append(d.Entries, namespace.Found{
			Path: rel, Dir: f.in.Dir, Size: f.in.Size, ModTime: f.in.ModTime, Mode: f.in.Mode, Owner: f.in.Owner, Group: f.in.Group,
			Version: f.in.Version.String(), FileID: f.in.FileID, BlockSize: f.in.BlockSize, IfIno: f.was.Ino, IfVersion: f.was.Version.String(), Since: f.since,
		})
	}
	a, err := n.propose(ctx, &d)
	if err == nil && a.More && l != nil { // names that are gone from a large directory go in steps
		err = n.finish(ctx)
	}
	return err
}

// dirAttr is what is known of a directory because something lies in it.
func dirAttr(key string) ufs.Attr { return ufs.Attr{Key: key, Dir: true, ModTime: time.Now()} }
