package cachefs

import (
	"context"
	"errors"
	"sync"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/tier"
)

// LoadOptions are the options of Load.
type LoadOptions struct {
	Parallel int  // files at a time. Default 8
	Verify   bool // ask the store whether each file is still what the namespace says, and load what it is now
	Volatile bool // done when the blocks are in memory; they reach a disk tier when they are evicted, or at Shutdown
}

// Load brings a file, or all files below a directory, from the under store into the cache. Done means durable: its blocks
// are on a disk tier, if the node has one, unless it is Volatile; what does not fit there has failed, with ErrNoSpace. What
// is there is skipped, so a job that was cancelled, or ended with its process, goes on where it was when it is started again.
func (n *Node) Load(ctx context.Context, path string, o *LoadOptions) (*Job, error) {
	opts := deref(o)
	if err := opts.check(); err != nil {
		return nil, pathError("load", path, err)
	}
	opts.Parallel = orDefault(opts.Parallel, 8)
	in, _, err := n.lookToList(ctx, path, opts.Verify)
	if err != nil {
		return nil, pathError("load", path, err)
	}
	if !in.Dir && !in.Complete {
		return nil, pathError("load", path, ErrIncomplete)
	}
	j, err := n.newJob(ctx, func(ctx context.Context, j *Job) error { return n.load(ctx, j, path, in.Dir, opts) })
	return j, pathError("load", path, err)
}

// load hands the files of a walk to workers.
func (n *Node) load(ctx context.Context, j *Job, path string, dir bool, o LoadOptions) error {
	paths := make(chan string)
	var workers sync.WaitGroup
	for range o.Parallel {
		workers.Go(func() {
			for p := range paths {
				n.loadFile(ctx, j, p, o)
			}
		})
	}
	err := n.filesBelow(ctx, path, dir, o.Verify, func(p string, size int64) error {
		j.found(size)
		select {
		case paths <- p:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
	j.listed()
	close(paths)
	workers.Wait()
	return err
}

// filesBelow calls do with each complete file at or below path.
func (n *Node) filesBelow(ctx context.Context, path string, dir, sync bool, do func(path string, size int64) error) error {
	if !dir {
		info, err := n.Stat(ctx, path, nil)
		if err != nil {
			return err
		}
		return do(path, info.Size())
	}
	for info, err := range n.List(ctx, path, &ListOptions{Recursive: true, Sync: sync}) {
		if err != nil {
			return err
		}
		if info.IsDir() || !info.Complete() {
			continue
		}
		if err := do(info.Path(), info.Size()); err != nil {
			return err
		}
	}
	return nil
}

func (n *Node) loadFile(ctx context.Context, j *Job, path string, o LoadOptions) {
	f, err := n.Open(ctx, path, &OpenOptions{Sync: o.Verify})
	if err != nil {
		j.fileFailed("load", path, err)
		return
	}
	defer f.Close()
	skipped := true
	var ids []tier.BlockID
	for i := range f.blocks() {
		id := blockID(&f.in, i)
		ids = append(ids, id)
		if _, _, ok := n.tiers.Has(id); !ok {
			skipped = false
			if err := n.filler.whole(ctx, f.handle, i); err != nil && !errors.Is(err, errFreed) { // freed: it was loaded first
				if errors.Is(err, errUncached) {
					err = ErrNoSpace
				}
				j.fileFailed("load", path, err)
				return
			}
		}
		j.bytes(f.blockLen(i))
	}
	if !o.Volatile && n.disk && f.in.Persist == namespace.Persisted {
		if err := n.tiers.Save(ctx, ids...); err != nil && !errors.Is(err, tier.ErrMiss) { // freed, or evicted by what came later
			j.fileFailed("load", path, err)
			return
		}
	}
	j.fileDone(skipped)
}
