package cachefs

import (
	"context"

	"github.com/millpond/millpond/tier"
)

// loadRequest asks the owner of a block to bring it. A Load so fills the caches of all nodes, and not that of the one that
// was asked for it.
type loadRequest struct {
	Block []byte `json:"block"`           // its id
	Hint  []byte `json:"hint"`            // what it takes to bring it
	Save  bool   `json:"save,omitempty"`  // to a disk tier, if there is one
	Index uint64 `json:"index,omitempty"` // at which the replica knows the file
}

type loadAnswer struct {
	Had bool `json:"had"` // it was there already
}

// loadAt has another node bring a block that a store has.
func (n *Node) loadAt(ctx context.Context, owner string, h *handle, i int64, save bool) (had bool, err error) {
	id := blockID(&h.in, i)
	hint, _ := h.hint(ask{}, false)
	a, err := askAttended[loadAnswer](ctx, n, owner, callLoad, loadRequest{Block: id[:], Hint: hint, Save: save, Index: n.tree.Index()})
	switch {
	case ctx.Err() != nil:
		return false, context.Cause(ctx)
	case err != nil:
		n.log.Debug("the owner of a block does not load it", "node", owner, "block", id.String(), "err", err)
		return false, err
	}
	return a.Had, nil
}

// serveLoad brings a block for a Load on another node.
func (n *Node) serveLoad(ctx context.Context, r loadRequest) (a loadAnswer, err error) {
	var id tier.BlockID
	if copy(id[:], r.Block) != len(id) || len(r.Block) != len(id) {
		return a, invalid("a block id of %d bytes; want %d", len(r.Block), len(id))
	}
	h, _, err := n.asked(id.File(), r.Hint)
	if err == errStranger || err == nil && !h.in.Complete { // it may just have been written
		if err := n.keepUp(ctx, r.Index); err != nil {
			return a, err
		}
		h, _, err = n.asked(id.File(), r.Hint)
	}
	if err != nil {
		return a, err
	}
	i := int64(id.Index())
	if i >= h.blocks() {
		return a, invalid("block %d of %d", i, h.blocks())
	}
	if a.Had, err = n.loadHere(ctx, h, i); err == nil && r.Save {
		err = n.saveLoaded(ctx, &h.in, []int64{i})
	}
	return a, err
}
