package cachefs

import (
	"context"
	"errors"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/ufs"
)

// settleAttr makes a change again: whether the store has made its part cannot be seen, and made twice it is the same.
func (n *Node) settleAttr(ctx context.Context, s *ufs.Store, m *mount, key string, in namespace.Intent) (bool, outcome, error) {
	x, ok := in.SetAttr()
	now, known := n.tree.Get(in.Ino)
	if !ok || !known {
		return false, outcome{}, nil
	}
	var out outcome
	has, err := n.stored(ctx, m, key, &now)
	if err == nil && has {
		o := &AttrOptions{Recursive: x.Recursive, Mode: x.Mode, Owner: x.Owner, Group: x.Group}
		c := attrChange{n: n, m: m, o: o, change: x}
		out, err = c.make(ctx, s, key, &now)
	}
	if err == nil {
		if err = n.setBelow(ctx, &now, x, in.ID); errors.Is(err, ErrPermission) {
			err = nil // what is not the user's stays
		}
	}
	if err != nil && !doubtful(err) { // somebody else removed it, or the store refuses
		return false, out, nil
	}
	return err == nil, out, err
}
