package cachefs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/peer"
	"github.com/millpond/millpond/tier"
)

// holdRequest asks a node for copies of a file's blocks, which it reads from the one that asks. They are held there, and
// are on a disk, if it has one that survives, when it answers.
type holdRequest struct {
	Index uint64 `json:"index"` // at which the replica knows the file
	Ino   uint64 `json:"ino"`
	File  []byte `json:"file"` // FileID
	Size  int64  `json:"size"`

	First int64    `json:"first,omitempty"` // of Count blocks; Count 0: all
	Count int64    `json:"count,omitempty"`
	Also  []string `json:"also,omitempty"`  // who has blocks that the one that asks lacks
	LetGo bool     `json:"letGo,omitempty"` // of all that was taken: it is needed no more
}

// end is the block after the last that is asked for.
func (r *holdRequest) end(in *namespace.Inode) int64 {
	if r.Count == 0 {
		return blocksOf(in)
	}
	return r.First + r.Count
}

// spread has other nodes take copies of a file's blocks, until want of them have all, this one included. homes have them
// already; stay are the nodes that may become some. Those that the ring has for the file come first. It returns the homes there
// are now, fewer than want only if no more nodes stay: ErrNoSpace if there are more, and they have no room.
func (n *Node) spread(ctx context.Context, in *namespace.Inode, homes []string, want int, stay map[string]bool) ([]string, error) {
	also := slices.DeleteFunc(slices.Clone(homes), func(id string) bool { return id == n.id })
	homes, _, err := n.spreadOver(ctx, in, homes, want, n.candidates(in, homes, stay), also)
	return homes, err
}

// spreadOver is spread over the nodes of a list, of which the first is asked first. also have blocks that this node may lack. fault is
// why the last one took none that was not full.
func (n *Node) spreadOver(ctx context.Context, in *namespace.Inode, homes []string, want int, list, also []string) (_ []string, fault, err error) {
	var full error
	sites := n.sites()
	for ; len(list) > 0 && len(homes) < want; list = spreadOut(list[1:], homes, sites) { // who took none is no copy
		id := list[0]
		r := holdRequest{Index: n.tree.Index(), Ino: in.Ino, File: in.FileID[:], Size: in.Size, Also: also}
		_, err := askAttended[none](ctx, n, id, callHold, r)
		switch {
		case err == nil:
			homes = append(homes, id)
		case ctx.Err() != nil:
			return homes, nil, context.Cause(ctx)
		case errors.Is(err, ErrNotExist): // it was removed meanwhile
			return homes, nil, err
		case errors.Is(err, ErrNoSpace):
			full = err
		default:
			fault = err
			n.log.Warn("a node does not take copies of a written file", "node", id, "err", err)
		}
	}
	if len(homes) < want {
		return homes, fault, full
	}
	return homes, nil, nil
}

// candidates are those of stay that may take copies, those aside that have them: in other zones and racks than those first, then in the
// ring's order.
func (n *Node) candidates(in *namespace.Inode, homes []string, stay map[string]bool) []string {
	list := n.nodes.successors([20]byte(blockID(in, 0)), len(n.living()))
	list = slices.DeleteFunc(list, func(id string) bool { return id == n.id || !stay[id] || slices.Contains(homes, id) })
	return spreadOut(list, homes, n.sites())
}

// sites are where the nodes are.
func (n *Node) sites() map[string]site {
	sites := map[string]site{}
	for _, m := range n.nodes.members() {
		sites[m.id] = m.site
	}
	return sites
}

// serveHold takes copies of a file's blocks from another node.
func (n *Node) serveHold(ctx context.Context, from string, r holdRequest) error {
	pass, err := n.holds.take(ctx, string(r.File))
	if err != nil {
		return err
	}
	defer pass()
	if err := n.keepUp(ctx, r.Index); err != nil {
		return err
	}
	in, ok := n.tree.Get(r.Ino)
	switch {
	case !ok || in.Dir || !slices.Equal(in.FileID[:], r.File) || in.Complete && in.Size != r.Size && !r.LetGo:
		return fmt.Errorf("file %d: %w", r.Ino, ErrNotExist)
	case r.Size < 0 || r.Size > in.BlockSize*maxBlocks:
		return invalid("copies of a file of %d bytes", r.Size)
	}
	if r.LetGo {
		in.Size = max(in.Size, r.Size) // it may have been written on, and completed, since
		if !slices.Contains(in.Homes, n.id) {
			n.unholdFile(&in)
			n.taken.forget(in.FileID)
		}
		return nil
	}
	n.taken.note(&in, r.Count > 0)
	if n.closed.Load() { // what was not noted before that is not handed on
		return ErrClosed
	}
	in.Size = r.Size
	if r.First < 0 || r.Count < 0 || r.First > maxBlocks || r.Count > maxBlocks || r.end(&in) > blocksOf(&in) {
		return invalid("copies of blocks %d to %d of a file of %d bytes", r.First, r.First+r.Count, r.Size)
	}
	return n.takeCopies(ctx, append([]string{from}, r.Also...), &in, &r)
}

// takeCopies takes the blocks that r asks for, and keeps them if the file needs them still. The caller has the file's turn.
func (n *Node) takeCopies(ctx context.Context, from []string, in *namespace.Inode, r *holdRequest) error {
	took, err := n.holdCopies(ctx, from, in, r)
	now, ok := n.tree.Get(r.Ino)
	switch {
	case !ok || now.FileID != in.FileID:
		err = errors.Join(err, ErrNotExist)
	case now.Complete && now.Persist == namespace.Persisted: // meanwhile: what lets go of held blocks came before these
		n.unholdFile(&now)
		return err
	}
	if err != nil && !slices.Contains(now.Homes, n.id) { // it may have become a home by another request
		n.takeBack(took)
	}
	return err
}

// letGo tells nodes that took blocks of a file that they are no homes of it: what they have may be evicted. One that does not hear
// of it finds out by itself: checkTaken.
func (n *Node) letGo(ctx context.Context, ino uint64, file tier.FileID, size int64, ids []string) {
	for _, id := range ids {
		if id == n.id {
			continue
		}
		r := holdRequest{Index: n.tree.Index(), Ino: ino, File: file[:], Size: size, LetGo: true}
		if _, err := askAttended[none](ctx, n, id, callHold, r); err != nil {
			n.log.Debug("a node was not told that it is no home of a file", "node", id, "file", file.String(), "err", err)
		}
	}
}

// takings are what a request for copies has changed here.
type takings struct {
	brought []tier.BlockID // were not here
	held    []tier.BlockID // were, and could be evicted
}

// takeBack undoes what a request that failed has done. What it met held stays so: an earlier one was told that it is here, and it
// may be the only copy.
func (n *Node) takeBack(t takings) {
	for _, id := range t.brought {
		n.tiers.Drop(id)
	}
	for _, id := range t.held {
		n.tiers.Unhold(id)
	}
}

// holdCopies takes the blocks that r asks for from the first of some nodes that has them. It returns what that has changed,
// whatever the error.
func (n *Node) holdCopies(ctx context.Context, from []string, in *namespace.Inode, r *holdRequest) (took takings, err error) {
	var ids []tier.BlockID
	for i := r.First; i < r.end(in); i++ {
		id := blockID(in, i)
		held := n.tiers.Held(id)
		met, err := n.holdCopy(ctx, from, id, min(in.BlockSize, in.Size-i*in.BlockSize), in.Pinned)
		if met && !held { // whatever the error: a disk may have noted it
			took.held = append(took.held, id)
		}
		if err != nil {
			return took, err
		}
		if ids = append(ids, id); !met {
			took.brought = append(took.brought, id)
		}
	}
	if !n.durable() || len(ids) == 0 {
		return took, nil
	}
	return took, n.tiers.Save(ctx, ids...)
}

// holdCopy takes one block, or holds the one it met.
func (n *Node) holdCopy(ctx context.Context, from []string, id tier.BlockID, length int64, pin bool) (met bool, err error) {
	w, err := n.tiers.Create(ctx, id, length, tier.PutOptions{Hold: true, Pin: pin})
	if err == nil {
		if err := n.pullAll(ctx, from, id, length, w); err != nil {
			w.Abort()
			return false, err
		}
		_, err = w.Commit(ctx)
	}
	switch {
	case errors.Is(err, tier.ErrExist):
		return true, n.tiers.Hold(id)
	case isFull(err):
		return false, errors.Join(ErrNoSpace, err)
	}
	return false, err
}

// pullTries is how often a node that lets a transfer stall is asked again: it may be busy, and is the only one to have the
// block.
const pullTries = 5

// pullAll copies a block from the first of some nodes that has it.
func (n *Node) pullAll(ctx context.Context, from []string, id tier.BlockID, length int64, w *tier.Writer) (err error) {
	for _, peer := range from {
		if peer == n.id {
			continue
		}
		if err = n.pullFrom(ctx, peer, id, length, w); err == nil || ctx.Err() != nil {
			break
		}
	}
	return err
}

func (n *Node) pullFrom(ctx context.Context, from string, id tier.BlockID, length int64, w *tier.Writer) (err error) {
	for range pullTries {
		if err = n.nodes.pull(ctx, from, id, length, w); err == nil || errors.Is(err, peer.ErrMissing) {
			return err
		}
		select {
		case <-time.After(askAgain):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return err
}
