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

// Load brings a file, or all files below a directory, from the under store into the cache: in a mesh each block to the node
// that owns it, or to as many as ReplicasMin says. Done means durable: its blocks are on a disk tier, if the node has one,
// unless it is Volatile; what does not fit there has failed, with ErrNoSpace. What is there is skipped, so a job that was
// cancelled, or ended with its process, goes on where it was when it is started again.
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
	skipped, durable := true, !o.Volatile && f.in.Persist == namespace.Persisted
	var here []int64
	for i := range f.blocks() {
		had, mine, err := n.loadBlock(ctx, f.handle, i, durable)
		if err != nil {
			j.fileFailed("load", path, err)
			return
		}
		if skipped = skipped && had; mine {
			here = append(here, i)
		}
		j.bytes(f.blockLen(i))
	}
	if durable {
		if err := n.saveLoaded(ctx, &f.in, here); err != nil {
			j.fileFailed("load", path, err)
			return
		}
	}
	j.fileDone(skipped)
}

// loadBlock has the owners of a block bring it, the second one from the first: as many as the file should have copies. What cannot be
// asked of the first is brought here. mine says that it is here, had that it was there already.
func (n *Node) loadBlock(ctx context.Context, h *handle, i int64, durable bool) (had, mine bool, err error) {
	had = true
	for k, id := range n.nodes.successors([20]byte(blockID(&h.in, i)), max(1, h.in.ReplicasMin)) {
		was, ok := false, true
		if id != n.id {
			was, ok, err = n.loadAt(ctx, id, h, i, durable)
		}
		if id == n.id || !ok && k == 0 {
			mine = true
			was, err = n.loadHere(ctx, h, i)
		}
		if err != nil {
			return false, mine, err
		}
		had = had && was
	}
	return had, mine, nil
}

func (n *Node) loadHere(ctx context.Context, h *handle, i int64) (had bool, err error) {
	if _, _, ok := n.tiers.Has(blockID(&h.in, i)); ok {
		return true, nil
	}
	err = n.filler.whole(ctx, h, i)
	switch {
	case errors.Is(err, errFreed): // it was loaded first
		err = nil
	case errors.Is(err, errUncached):
		err = ErrNoSpace
	}
	return false, err
}

// saveLoaded puts blocks on a disk tier, if the node has one.
func (n *Node) saveLoaded(ctx context.Context, in *namespace.Inode, blocks []int64) error {
	if !n.disk || len(blocks) == 0 {
		return nil
	}
	ids := make([]tier.BlockID, len(blocks))
	for k, i := range blocks {
		ids[k] = blockID(in, i)
	}
	if err := n.tiers.Save(ctx, ids...); !errors.Is(err, tier.ErrMiss) { // freed, or evicted by what came later
		return err
	}
	return nil
}
