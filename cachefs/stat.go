package cachefs

import "context"

// Stat describes what path names. Incomplete files show, with Complete false. It runs on the replica, and asks the
// under store only for what that does not know or, by the mount's policy, no longer believes.
func (n *Node) Stat(ctx context.Context, path string, o *StatOptions) (*Info, error) {
	in, _, err := n.look(ctx, path, o != nil && o.Sync)
	if err != nil {
		return nil, pathError("stat", path, err)
	}
	return &Info{in: in, path: path}, nil
}

// Open opens a complete file for reading. It costs one look-up in the replica: blocks are found as they are read.
func (n *Node) Open(ctx context.Context, path string, o *OpenOptions) (*File, error) {
	var opts OpenOptions
	if o != nil {
		opts = *o
	}
	for {
		var ended <-chan struct{}
		if opts.Wait {
			ended = n.writers.end() // before the look, or a Close between is missed
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
