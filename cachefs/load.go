package cachefs

import (
	"context"
	"errors"
	"slices"
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
// that owns it, or to as many as ReplicasMin says; where one fails the next in the ring is asked. Done means durable: its blocks are on
// a disk tier, if the node has one, unless it is Volatile; what does not fit anywhere has failed, with ErrNoSpace. What is there is
// skipped, so a job that was cancelled, or ended with its process, goes on where it was when it is started again.
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

// loadBlock has the owners of a block bring it, the second one from the first: as many as the file should have copies, or as there
// are nodes. Where one fails the next is asked, where the first fails this node; what no store has is brought here alone. mine says
// that the block is here, had that it was wherever it should be already.
func (n *Node) loadBlock(ctx context.Context, h *handle, i int64, durable bool) (had, mine bool, err error) {
	if _, err := h.source(); err != nil { // it is where it was written
		had, err = n.loadHere(ctx, h, i)
		return had, true, err
	}
	owners := n.nodes.successors([20]byte(blockID(&h.in, i)), len(n.living()))
	missing, first := min(max(1, h.in.ReplicasMin), len(owners)), true
	for had = true; missing > 0 && len(owners) > 0; first = false {
		id := owners[0]
		owners = owners[1:]
		var was bool
		was, err = n.loadOn(ctx, id, h, i, durable)
		switch {
		case err == nil:
			missing--
			had, mine = had && was, mine || id == n.id
		case ctx.Err() != nil, id == n.id && !errors.Is(err, ErrNoSpace): // others would hear the same of the store
			return false, mine, err
		case first:
			owners = slices.DeleteFunc(owners, func(o string) bool { return o == n.id })
			if id != n.id {
				owners = slices.Insert(owners, 0, n.id)
			}
		}
	}
	if missing > 0 {
		return false, mine, err
	}
	return had, mine, nil
}

// loadOn has a node bring a block.
func (n *Node) loadOn(ctx context.Context, id string, h *handle, i int64, durable bool) (had bool, err error) {
	if id == n.id {
		return n.loadHere(ctx, h, i)
	}
	return n.loadAt(ctx, id, h, i, durable)
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
