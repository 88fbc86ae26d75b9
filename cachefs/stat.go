package cachefs

import (
	"context"
	"time"

	"github.com/millpond/millpond/internal/namespace"
)

// Stat describes what path names. Incomplete files show, with Complete false. It runs on the replica, and asks the
// under store only for what that does not know or, by the mount's policy, no longer believes.
func (n *Node) Stat(ctx context.Context, path string, o *StatOptions) (*Info, error) {
	return n.stat(ctx, path, o, new(Info)) // new here, where it is inlined: who does not keep the Info has it on the stack
}

func (n *Node) stat(ctx context.Context, path string, o *StatOptions, info *Info) (*Info, error) {
	sync := o != nil && o.Sync
	if o != nil && o.Consistent {
		if err := n.barrier(ctx); err != nil {
			return nil, pathError("stat", path, err)
		}
	}
	if !sync && n.statKnown(ctx, path, (*namespace.Entry)(info)) {
		return info, nil
	}
	in, _, err := n.look(ctx, path, sync)
	if err != nil {
		return nil, pathError("stat", path, err)
	}
	return infoOf(&in, path), nil
}

// statKnown is Stat for what the replica has and needs no look at a store; false for all else. It is look without what
// look needs for the others.
func (n *Node) statKnown(ctx context.Context, path string, e *namespace.Entry) bool {
	if n.ready(ctx) != nil || n.overlay.get(path) != nil || n.tree.StatEntry(path, n.user(ctx), e) != nil {
		return false
	}
	switch m := n.mounts.of(path); {
	case m == nil || e.MountPoint():
	case m.spec.Sync == SyncNever || n.believedEntry(m, e):
		n.counters.saved.inc()
	default:
		return false
	}
	return true
}

// believedEntry is believed for an entry.
func (n *Node) believedEntry(m *mount, e *namespace.Entry) bool {
	if !e.Dir() && (e.Persist() != namespace.Persisted || !e.Complete()) || e.Held() || m.fresh(time.Unix(0, e.SyncedAt())) {
		return true
	}
	seen, ok := n.absent.seen(e.Ino())
	return ok && m.fresh(seen)
}

// Open opens a complete file for reading. It costs one look-up in the replica: blocks are found as they are read.
func (n *Node) Open(ctx context.Context, path string, o *OpenOptions) (*File, error) {
	var opts OpenOptions
	if o != nil {
		opts = *o
	}
	if err := opts.ReadType.check(); err != nil {
		return nil, pathError("open", path, err)
	}
	for {
		var ended <-chan struct{}
		if opts.Wait {
			ended = n.applying.next() // before the look, or a Close between is missed; whichever node's
		}
		in, from, err := n.look(ctx, path, opts.Sync)
		switch {
		case err != nil:
			return nil, pathError("open", path, err)
		case in.Dir:
			return nil, pathError("open", path, ErrIsDir)
		case in.Complete:
			if err := mayRead(&in, n.user(ctx)); err != nil {
				return nil, pathError("open", path, err)
			}
			return newFile(ctx, n, path, &in, from, opts.ReadType), nil
		case !opts.Wait:
			return nil, pathError("open", path, ErrIncomplete)
		}
		select {
		case <-ended:
		case <-ctx.Done():
			return nil, pathError("open", path, context.Cause(ctx))
		case <-n.ctx.Done():
			return nil, pathError("open", path, ErrClosed)
		}
	}
}
