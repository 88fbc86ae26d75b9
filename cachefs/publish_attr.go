package cachefs

import (
	"context"
	"errors"

	"github.com/millpond/millpond/ufs"
)

// matchAttrs gives what was published the mode that the file was given while it was on its way, and the owner and group
// that it was made for. The file is there whatever comes of it.
func (n *Node) matchAttrs(ctx context.Context, s *ufs.Store, ino uint64, u *upload, a ufs.Attr) ufs.Attr {
	in, ok := n.tree.Get(ino)
	if !ok {
		return a
	}
	if in.Mode != u.mode && s.Caps().Mode {
		now, err := s.SetMode(ctx, u.key, in.Mode)
		a = n.matched(u.key, "mode", a, now, err)
	}
	if owner, group := missing(in.Owner, a.Owner), missing(in.Group, a.Group); s.Caps().Owner && (owner != "" || group != "") {
		now, err := s.SetOwner(ctx, u.key, owner, group)
		a = n.matched(u.key, "owner and group", a, now, err)
	}
	return a
}

// missing is what a file should have and has not; "" if it has it, or should have none in particular.
func missing(want, has string) string {
	if want == has {
		return ""
	}
	return want
}

// matched is what is known of a published file, or a directory, after one more change of it. A process that may not give files away, as most
// may not, does not hear of each.
func (n *Node) matched(key, what string, was, now ufs.Attr, err error) ufs.Attr {
	switch {
	case errors.Is(err, ErrPermission):
		n.log.Debug("what was made in a store does not have its "+what, "key", key, "err", err)
		return was
	case err != nil:
		n.log.Warn("what was made in a store does not have its "+what, "key", key, "err", err)
		return was
	case now.Was != "" && !now.Is(was.Version): // somebody else wrote it since: the next look finds that
		return was
	}
	return now
}
