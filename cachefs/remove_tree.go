package cachefs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/ufs"
)

const (
	removeBatch = 512 // keys in one call to the store, where it takes many, and names in one journal entry
	maxFailures = 64  // paths that an error names; the rest are counted
)

// checkSeen refuses a tree whose store has entries that the namespace has not: who removes it does not know of them.
func (n *Node) checkSeen(ctx context.Context, path string, in *namespace.Inode, recursive bool) error {
	if !recursive {
		return nil // the store itself refuses a directory with entries
	}
	if err := n.overlay.flush(ctx); err != nil { // what was just found is seen
		return err
	}
	m, key := n.mounts.find(path)
	s, err := m.open(ctx)
	if err != nil {
		return err
	}
	for a, err := range s.List(ctx, ufs.ListOptions{Prefix: key, Recursive: true}) {
		if errors.Is(err, ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		rel, _ := below("/"+key, "/"+a.Key)
		if key == "" {
			rel = a.Key
		}
		if _, err := n.tree.Stat(join(path, rel), nil); errors.Is(err, ErrNotExist) {
			return fmt.Errorf("%w: its under store has %q, which was never listed here; list it first or remove it Unchecked", ErrNotEmpty, rel)
		}
	}
	return nil
}

// mayEmpty refuses a tree that holds what the user may not remove by itself.
func (n *Node) mayEmpty(ctx context.Context, path string, dir *namespace.Inode) error {
	u := n.user(ctx)
	if u == nil || u.Superuser {
		return nil
	}
	for after := ""; ; {
		list, more, err := n.tree.List(path, u, after, listPage, nil)
		if err != nil {
			return err
		}
		for i := range list {
			in, sub := &list[i], join(path, list[i].Name)
			if !namespace.MayUnlink(dir, in, u) {
				return fmt.Errorf("%w: %s", ErrPermission, sub)
			}
			if in.Dir {
				if err := n.mayEmpty(ctx, sub, in); err != nil {
					return err
				}
			}
		}
		if !more || len(list) == 0 {
			return nil
		}
		after = list[len(list)-1].Name
	}
}

// removal removes a tree from a store, bottom-up.
type removal struct {
	n        *Node
	s        *ufs.Store
	m        *mount
	intent   uint64
	failures []error
	failed   int
}

func (n *Node) removeTree(ctx context.Context, s *ufs.Store, path, key string, intent uint64, o RemoveOptions) error {
	if o.Unchecked {
		return gone(s.DeleteAll(ctx, key))
	}
	m, _ := n.mounts.find(path)
	r := &removal{n: n, s: s, m: m, intent: intent}
	if _, err := r.dir(ctx, path, key); err != nil {
		return err
	}
	if more := r.failed - len(r.failures); more > 0 {
		r.failures = append(r.failures, fmt.Errorf("and %d more", more))
	}
	return errors.Join(r.failures...)
}

// dir removes what is below a directory, then itself. It reports whether all of that is gone.
func (r *removal) dir(ctx context.Context, path, key string) (all bool, err error) {
	all = true
	for after := ""; ; {
		list, more, err := r.n.tree.List(path, nil, after, removeBatch, nil)
		if err != nil {
			return false, err
		}
		ok, err := r.page(ctx, path, key, list)
		if err != nil {
			return false, err
		}
		all = all && ok
		if !more || len(list) == 0 {
			break
		}
		after = list[len(list)-1].Name
	}
	if !all {
		return false, nil
	}
	if err := gone(r.s.Delete(ctx, key)); err != nil {
		r.fail(path, err)
		return false, nil
	}
	return true, nil
}

// page removes some entries of a directory: its files in one call, then its directories one by one.
func (r *removal) page(ctx context.Context, path, key string, list []namespace.Inode) (all bool, err error) {
	var keys, paths, done []string
	all = true
	for i := range list {
		in := &list[i]
		sub, subKey := join(path, in.Name), join2(key, in.Name)
		if in.Dir {
			ok, err := r.dir(ctx, sub, subKey)
			if err != nil {
				return false, err
			}
			if all = all && ok; ok {
				done = append(done, sub)
			}
			continue
		}
		keys = append(keys, subKey) // also of files that only the cache has: they may have replaced one that the store has
		paths = append(paths, sub)
	}
	failed := r.s.DeleteBatch(ctx, keys)
	for _, p := range paths {
		k, _ := below(r.m.path, p)
		if err := gone(failed[k]); err != nil {
			r.fail(p, err)
			all = false
			continue
		}
		done = append(done, p)
	}
	if len(done) == 0 {
		return all, nil
	}
	_, err = r.n.propose(ctx, &namespace.Step{IntentID: r.intent, Paths: done})
	return all, err
}

func (r *removal) fail(path string, err error) {
	r.failed++
	if len(r.failures) < maxFailures {
		r.failures = append(r.failures, &fs.PathError{Op: "remove", Path: path, Err: err})
	}
}

// join2 joins relative paths.
func join2(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}
