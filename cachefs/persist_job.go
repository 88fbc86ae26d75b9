package cachefs

import (
	"context"
	"errors"

	"github.com/millpond/millpond/internal/namespace"
)

// PersistOptions are the options of Persist.
type PersistOptions struct{}

// Persist copies a written file, or all of them below a directory, to their under store. The job ends when they are
// there; a file that cannot be stored is tried for ever, so give the wait a context. Cancelled or not, files that were
// marked stay marked and go on being tried.
func (n *Node) Persist(ctx context.Context, path string, _ *PersistOptions) (*Job, error) {
	in, _, err := n.look(ctx, path, false)
	switch {
	case err != nil:
		return nil, pathError("persist", path, err)
	case !in.Dir && !in.Complete:
		return nil, pathError("persist", path, ErrIncomplete)
	}
	if m, _ := n.mounts.find(path); m == nil {
		return nil, pathError("persist", path, ErrNotMounted)
	} else if m.readOnly {
		return nil, pathError("persist", path, ErrReadOnly)
	}
	j, err := n.newJob(ctx, func(ctx context.Context, j *Job) error { return n.persistBelow(ctx, j, path, &in) })
	return j, pathError("persist", path, err)
}

// persistBelow marks files and waits for them, a bounded number at a time.
func (n *Node) persistBelow(ctx context.Context, j *Job, path string, in *namespace.Inode) error {
	type waiting struct {
		path string
		in   namespace.Inode
	}
	var batch []waiting
	flush := func() error {
		n.persist.kick()
		for i := range batch {
			if err := n.waitPersisted(ctx, j, batch[i].path, &batch[i].in); err != nil {
				return err
			}
		}
		batch = batch[:0]
		return nil
	}
	mark := func(path string, in *namespace.Inode) error {
		if !in.Complete {
			return nil
		}
		j.found(in.Size)
		if err := mayRead(in, n.user(ctx)); err != nil {
			j.fileFailed("persist", path, err)
			return nil
		}
		if in.Persist == namespace.Persisted {
			j.bytes(in.Size)
			j.fileDone(true)
			return nil
		}
		if _, err := n.change(ctx, &namespace.MarkPersist{Ino: in.Ino}); err != nil {
			j.fileFailed("persist", path, err)
			return nil
		}
		if batch = append(batch, waiting{path, *in}); len(batch) < listPage {
			return nil
		}
		return flush()
	}
	var err error
	if in.Dir {
		err = n.eachFile(ctx, path, n.user(ctx), mark)
	} else {
		err = mark(path, in)
	}
	j.listed()
	return errors.Join(err, flush())
}

// waitPersisted returns when a marked file is in its store, or is no more what it was.
func (n *Node) waitPersisted(ctx context.Context, j *Job, path string, was *namespace.Inode) error {
	for {
		moved := n.persist.movement()
		in, ok := n.tree.Get(was.Ino)
		switch {
		case !ok || in.FileID != was.FileID:
			j.fileFailed("persist", path, ErrChanged)
			return nil
		case in.Persist == namespace.Persisted:
			j.bytes(in.Size)
			j.fileDone(false)
			return nil
		case in.Persist == namespace.Lost:
			j.fileFailed("persist", path, ErrLost)
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), n.persist.lastError(was.Ino))
		}
	}
}
