package cachefs

import (
	"context"
	"errors"
	"io/fs"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/ufs"
)

// Mkdir makes a directory, in the under store too where that has directories.
func (n *Node) Mkdir(ctx context.Context, path string, o *MkdirOptions) error {
	err := n.latest(ctx, func() error { return n.mkdir(ctx, path, deref(o)) })
	if err == errThere {
		return nil
	}
	return pathError("mkdir", path, err)
}

func (n *Node) mkdir(ctx context.Context, path string, o MkdirOptions) error {
	o.Mode = orDefault(o.Mode.Perm(), 0o755) | o.Mode&fs.ModeSticky
	old, err := n.known(ctx, path)
	switch {
	case err != nil:
		return err
	case old != nil && old.Dir && o.Parents:
		return errThere
	case old != nil && old.Dir:
		return refuse(ErrExist, "with Parents a directory that is there will do")
	case old != nil:
		return refuse(ErrExist, "a file has the name")
	}
	name, group := owner(ctx)
	m, key := n.mounts.find(path)
	if m == nil {
		_, err := n.change(ctx, &namespace.Mkdir{Path: path, User: n.user(ctx), Parents: o.Parents, Mode: o.Mode, Owner: name, Group: group})
		return err
	}
	if m.readOnly {
		return ErrReadOnly
	}
	if o.Parents {
		if parent := parentOf(path); parent != m.path {
			switch err := n.mkdir(withoutOperation(ctx), parent, o); {
			case err == errThere:
			case errors.Is(err, ErrExist):
				return ErrNotDir
			case err != nil:
				return err
			}
		}
	}
	b := &namespace.Begin{Kind: namespace.IntentMkdir, Path: path, User: n.user(ctx), Mode: o.Mode, Owner: name, Group: group}
	return n.withIntent(ctx, b, func(ctx context.Context, s *ufs.Store, _ uint64) (outcome, error) {
		n.absent.forget(m, key)
		err := s.Mkdir(ctx, key, true, o.Mode)
		if errors.Is(err, ErrExist) || errors.Is(err, ErrUnsupported) { // a directory that only the store knew; a store without
			return outcome{}, nil
		}
		if err == nil && s.Caps().Owner && (name != "" || group != "") {
			_, serr := s.SetOwner(ctx, key, name, group)
			n.matched(key, "owner and group", ufs.Attr{}, ufs.Attr{}, serr)
		}
		return outcome{}, err
	})
}
