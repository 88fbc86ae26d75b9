package cachefs

import (
	"bytes"
	"context"
	"errors"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/ufs"
)

// settleRename: a name that has moved has moved; one that is still there stays, unless the move had begun.
func (n *Node) settleRename(ctx context.Context, s *ufs.Store, from, to string, in namespace.Intent) (bool, outcome, error) {
	f, errFrom := s.Stat(ctx, from)
	a, errTo := s.Stat(ctx, to)
	switch {
	case errFrom == nil && errTo == nil:
		begun, err := halfMoved(ctx, s, f, a, in)
		if err != nil || !begun {
			return false, outcome{}, err
		}
		a, err := s.Rename(ctx, from, to, true)
		return err == nil, outcome{a.Version, a.ModTime.UnixNano()}, err
	case errFrom == nil && (errors.Is(errTo, ErrNotExist) || s.Caps().Rename):
		return false, outcome{}, nil
	case errFrom == nil:
		return false, outcome{}, errTo
	case !errors.Is(errFrom, ErrNotExist):
		return false, outcome{}, errFrom
	case errors.Is(errTo, ErrNotExist):
		return n.unstored(in.Ino), outcome{}, nil // it moves in the namespace alone
	case errTo != nil:
		return false, outcome{}, errTo
	case n.unstored(in.Ino) && n.replaced(in, a):
		err := gone(s.Delete(ctx, to))
		return err == nil, outcome{}, err
	}
	return true, outcome{a.Version, a.ModTime.UnixNano()}, nil
}

// unstored reports whether no store has a file yet.
func (n *Node) unstored(ino uint64) bool {
	in, ok := n.tree.Get(ino)
	return ok && !in.Dir && in.Persist != namespace.Persisted
}

// replaced reports whether a store still has the file that a rename is to replace.
func (n *Node) replaced(in namespace.Intent, a ufs.Attr) bool {
	target, err := n.tree.Stat(in.To, nil)
	return err == nil && a.Is(target.Version.String())
}

// halfMoved reports whether from and to are both there because a rename that is a copy and a deletion stopped between
// them. Of a file that is so if the new one has the same bytes, or was to be replaced anyway: what somebody else has put
// there is left to him. A directory that was there before has refused the rename before it was begun.
func halfMoved(ctx context.Context, s *ufs.Store, from, to ufs.Attr, in namespace.Intent) (bool, error) {
	switch caps := s.Caps(); {
	case from.Dir != to.Dir:
		return false, nil
	case from.Dir:
		return !caps.RenameDir, nil
	case caps.Rename, !from.Is(in.Prior):
		return false, nil
	case in.Overwrite:
		return true, nil
	}
	return sameContent(ctx, s, from, to)
}

// comparePiece is what sameContent reads at a time, of one file after the other: who reads two at a time holds a place
// in the store's limits while he waits for another.
const comparePiece = 1 << 20

func sameContent(ctx context.Context, s *ufs.Store, a, b ufs.Attr) (bool, error) {
	if a.Size != b.Size {
		return false, nil
	}
	p, q := make([]byte, comparePiece), make([]byte, comparePiece)
	for off := int64(0); off < a.Size; off += comparePiece {
		n := min(comparePiece, a.Size-off)
		if _, err := s.ReadAt(ctx, a.Key, a.Version, p[:n], off); err != nil {
			return false, err
		}
		if _, err := s.ReadAt(ctx, b.Key, b.Version, q[:n], off); err != nil {
			return false, err
		}
		if !bytes.Equal(p[:n], q[:n]) {
			return false, nil
		}
	}
	return true, nil
}
