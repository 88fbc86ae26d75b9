package cachefs

import (
	"context"
	"errors"
	"time"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/ufs"
)

// look finds what path names: in what was found just now, in the replica, in the under store. from is set while the
// replica does not have it yet. A hit in the replica touches nothing else.
func (n *Node) look(ctx context.Context, path string, sync bool) (in namespace.Inode, from *found, err error) {
	for {
		in, from, err = n.lookOnce(ctx, path, sync)
		if err != errKnown {
			return in, from, err
		}
		if ctx.Err() != nil {
			return in, nil, context.Cause(ctx)
		}
	}
}

func (n *Node) lookOnce(ctx context.Context, path string, sync bool) (in namespace.Inode, from *found, err error) {
	if err := n.ready(ctx); err != nil {
		return in, nil, err
	}
	u := n.user(ctx)
	if f := n.overlay.get(path); f != nil && !sync && n.believed(f.mount, &f.in) {
		// The parents were found with it, or before it; permissions on them are the replica's.
		if u == nil {
			n.counters.saved.inc()
			return f.in, f, nil
		}
		if err := n.overlay.flush(ctx); err != nil {
			return in, nil, err
		}
	}
	in, err = n.tree.Stat(path, u)
	m, key := n.mounts.find(path)
	switch {
	case m == nil:
		if err != nil {
			err = checkFirst(path, err)
		}
		return in, nil, err
	case err == nil && in.MountPoint:
		return in, nil, nil
	case err == nil && (!sync && n.believed(m, &in) || unsettled(&in)):
		n.counters.saved.inc()
		return in, nil, nil
	case err != nil && !errors.Is(err, ErrNotExist):
		return in, nil, checkFirst(path, err)
	}
	if cerr := checkPath(path); cerr != nil {
		return in, nil, cerr
	}
	if err != nil && !sync && n.believedAbsent(m, path, key) {
		n.counters.saved.inc()
		return in, nil, err
	}
	return n.lookStore(ctx, m, path, key, in, sync)
}

// errKnown ends a look at a store that became needless: an equal one ended since ours began, or the path was changed
// here meanwhile and what was seen may be older. Who waits looks again here.
var errKnown = errors.New("known by now")

// knows reports whether path is in the overlay, and believed, or in the replica.
func (n *Node) knows(path string) bool {
	if f := n.overlay.get(path); f != nil {
		return n.believed(f.mount, &f.in)
	}
	_, err := n.tree.Stat(path, nil)
	return err == nil
}

// checkFirst says that a path is bad rather than that it is not there. Good paths are not checked twice: the replica
// has none that is bad.
func checkFirst(path string, err error) error {
	if cerr := checkPath(path); cerr != nil {
		return cerr
	}
	return err
}

// unsettled reports whether the replica knows better than the store: a file that is being written, or is not uploaded, or
// is being changed there by us.
func unsettled(in *namespace.Inode) bool {
	return !in.Dir && (in.Persist != namespace.Persisted || !in.Complete) || in.Intent != 0
}

// believed reports whether what the replica has is taken without asking the store: what only this node has, and what
// the mount's policy calls fresh.
func (n *Node) believed(m *mount, in *namespace.Inode) bool {
	if m.spec.Sync == SyncNever || unsettled(in) {
		return true
	}
	if m.fresh(time.Unix(0, in.SyncedAt)) {
		return true
	}
	seen, ok := n.absent.seen(in.Ino)
	return ok && m.fresh(seen)
}

// believedAbsent reports whether the store need not be asked for a path that the replica does not have: its directory
// was listed whole, by a store whose listings have what was just written, or it was asked for before.
func (n *Node) believedAbsent(m *mount, path, key string) bool {
	if at, ok := n.absent.missing(m, key); ok && m.fresh(at) {
		return true
	}
	for dir := parentOf(path); ; dir = parentOf(dir) {
		if n.overlay.get(dir) != nil {
			return false
		}
		d, err := n.tree.Stat(dir, nil)
		if err == nil {
			return d.Dir && d.ChildrenLoaded && !m.listsLate() && m.fresh(time.Unix(0, d.SyncedAt))
		}
		if dir == m.path || dir == "/" {
			return false
		}
	}
}

// lookStore asks the store for path, once however many want to know, and notes what it says. was is what the replica
// has, if anything.
func (n *Node) lookStore(ctx context.Context, m *mount, path, key string, was namespace.Inode, sync bool) (namespace.Inode, *found, error) {
	merged := true
	f, err := n.stats.Do(ctx, statKey(m, key), func(ctx context.Context) (*found, error) {
		merged = false
		if was.Ino == 0 && !sync && n.knows(path) {
			return nil, errKnown
		}
		return n.statShared(ctx, m, path, key)
	})
	switch {
	case err != nil:
		return namespace.Inode{}, nil, err
	case merged:
		n.counters.saved.inc()
	}
	switch {
	case n.tree.Touched(path, f.since): // we joined a look that began before a change that we may have seen
		return namespace.Inode{}, nil, errKnown
	case f.same && n.user(ctx) == nil:
		return f.was, nil, nil
	case n.user(ctx) != nil:
		if err := n.overlay.flush(ctx); err != nil {
			return namespace.Inode{}, nil, err
		}
		in, err := n.tree.Stat(path, n.user(ctx))
		return in, nil, err
	}
	return f.in, f, nil
}

func statKey(m *mount, key string) string { return m.path + "\x00" + key }

// statStore is one look at the store. It runs under the node's context, for all who wait for it.
func (n *Node) statStore(ctx context.Context, m *mount, path, key string) (*found, error) {
	store, err := m.open(ctx)
	if err != nil {
		return nil, &accessError{err}
	}
	if f := n.overlay.get(path); f != nil {
		if now, err := n.statAgain(ctx, store, f); now != nil || err != nil {
			return now, err
		}
	}
	was, _ := n.tree.Stat(path, nil) // not what the caller saw: what was found since may be there by now
	since := n.tree.Index()
	switch id, coming := n.tree.Pending(path); {
	case coming:
		return nil, ErrNotExist // the store may have it already; here it is not there until the change is whole
	case id != 0:
		if err := n.intentGone(ctx, id); err != nil {
			return nil, err
		}
		return nil, errKnown
	}
	a, err := store.Stat(ctx, key)
	switch {
	case n.tree.Touched(path, since):
		return nil, errKnown
	case errors.Is(err, ErrNotExist):
		n.absent.miss(m, key)
		if was.Ino != 0 {
			if err := n.forget(ctx, path, &was, since); err != nil {
				return nil, err
			}
			if _, kept := n.tree.Get(was.Ino); kept { // only the namespace has it, so far
				return &found{same: true, was: was, since: since}, nil
			}
		}
		return nil, ErrNotExist // as it says once that is remembered
	case err != nil:
		return nil, err
	}
	if err := n.checkLength(a); err != nil {
		return nil, err
	}
	f := n.foundAt(m, path, a, was)
	f.since = since
	if sameVersion(&was, &f.in) {
		n.absent.saw(was.Ino)
		f.same = true
		return f, nil
	}
	return f, n.overlay.add(ctx, append(n.parentsOf(f), f)...)
}

// statAgain looks at what an earlier look found and the journal does not have yet. nil: it has it by now, and that is what the store is
// to be compared with. Where nobody orders the journal, what the store says is the answer, and is told to nobody: a later look finds it.
func (n *Node) statAgain(ctx context.Context, store *ufs.Store, f *found) (*found, error) {
	a, err := store.Stat(ctx, f.key)
	if err == nil && f.shows(a) {
		return f, nil
	}
	led, end, unled := n.whileLed(ctx)
	defer end()
	if unled == nil {
		unled = n.overlay.flush(led)
	}
	if !errors.Is(unled, ErrNoPrimary) {
		return nil, unled
	}
	if err == nil {
		err = n.checkLength(a)
	}
	if err != nil {
		return nil, err
	}
	now := n.foundAt(f.mount, f.path, a, f.was)
	now.since = f.since
	return now, nil
}

// sameVersion reports whether the replica has what the store has.
func sameVersion(was, now *namespace.Inode) bool {
	return was.Ino != 0 && was.Dir == now.Dir && (was.Dir || was.Version.Is(now.Version.String()))
}

// shows reports whether f is what a store has.
func (f *found) shows(a ufs.Attr) bool {
	return f.in.Dir == a.Dir && (a.Dir || f.in.Version.Is(a.Version))
}

// parentsOf are the directories above f, below its mount, that the replica lacks: f cannot be without them.
func (n *Node) parentsOf(f *found) (list []*found) {
	for dir := parentOf(f.path); dir != f.mount.path && dir != "/"; dir = parentOf(dir) {
		if _, err := n.tree.Stat(dir, nil); err == nil || n.overlay.get(dir) != nil {
			break
		}
		key, _ := below(f.mount.path, dir)
		d := n.foundAt(f.mount, dir, dirAttr(key), namespace.Inode{})
		d.since = f.since
		list = append([]*found{d}, list...)
	}
	return list
}

// forget takes what the store no longer has out of the replica, unless it changed here since it was looked at.
func (n *Node) forget(ctx context.Context, path string, was *namespace.Inode, since uint64) error {
	if was.Persist != namespace.Persisted {
		return nil
	}
	_, err := n.change(ctx, &namespace.Forget{Path: path, IfFileID: was.FileID, Since: since})
	return err
}

// lookAgain asks the store for a path that turned out to be other than the replica has it, so that the next Open sees what
// is there now.
func (n *Node) lookAgain(ctx context.Context, m *mount, path, key string) {
	_, err := n.stats.Do(ctx, statKey(m, key), func(ctx context.Context) (*found, error) {
		return n.statShared(ctx, m, path, key)
	})
	if err != nil && err != errKnown && !errors.Is(err, ErrNotExist) {
		n.log.Debug("a changed file could not be looked at again", "path", path, "err", err)
	}
}
