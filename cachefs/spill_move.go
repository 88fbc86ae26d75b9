package cachefs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/millpond/millpond/tier"
)

// A node that leaves asks the writers whose blocks it took to have others take them. The writer decides to whom they go: it knows what
// else the file consists of, and asks the same node for the next block.

// moveRequest is what a node asks that leaves.
type moveRequest struct {
	Index uint64      `json:"index"` // at which the replica knows that it leaves
	File  tier.FileID `json:"file"`
}

// moveTime bounds a round of moving: a writer may be waiting for its user's Reader, and complete files wait behind it to be handed on.
const moveTime = 3 * time.Second

// handOnTaken has what this node took of files that others are writing taken elsewhere.
func (n *Node) handOnTaken(ctx context.Context, left *leftBehind) {
	round, cancel := context.WithTimeout(ctx, moveTime)
	defer cancel()
	for id, f := range n.taken.list() {
		in, ok := n.tree.Get(f.ino)
		if !ok || !f.only || in.FileID != id || in.Complete { // what is complete has homes
			continue
		}
		writer := n.runs(in.Lease)
		if writer == "" { // the file ends with it
			continue
		}
		_, err := askAttended[none](round, n, writer, callMove, moveRequest{n.tree.Index(), id})
		if err == nil {
			n.taken.forget(id)
			continue
		}
		path, _ := n.tree.Path(f.ino)
		switch full := errors.Is(err, ErrNoSpace); {
		case n.durable() && (full || ctx.Err() != nil): // its writer finds it on the disk, if this node is back by then
			left.why = errors.Join(left.why, pathError("hand on", path, err))
		case full:
			left.lost++
			left.note(path, err)
		default: // they may be busy
			left.waiting++
			left.note(path, err)
		}
	}
}

// runs is the other node whose present run has a lease, "" for none that lives.
func (n *Node) runs(lease [16]byte) string {
	list := n.nodes.members()
	i := slices.IndexFunc(list, func(m member) bool {
		return m.alive && m.id != n.id && isNodes(lease, m.id) && (m.run == lease || m.run == [16]byte{})
	})
	if i < 0 {
		return ""
	}
	return list[i].id
}

// serveMove returns when nothing that is written here counts on a node that leaves.
func (n *Node) serveMove(ctx context.Context, from string, r moveRequest) error {
	if err := n.keepUp(ctx, r.Index); err != nil {
		return err
	}
	if w := n.writers.find(r.File); w != nil {
		return w.leaveHost(ctx, from)
	}
	return nil
}

// leaveHost moves the file's blocks away from a node that leaves. After an error the writer goes on if it can: room may come before it
// needs that node.
func (w *nodeWriter) leaveHost(ctx context.Context, host string) error {
	if err := w.mu.take(ctx); err != nil {
		return err
	}
	defer w.mu.pass()
	if w.usableLocked() != nil || w.mu.spilled.host != host {
		return nil
	}
	blocks := int64(len(w.mu.blocks))
	err := w.moveLocked(blocks, min(blocks*w.bs, w.mu.size), fmt.Errorf("node %s leaves", host))
	if err = w.orThroughLocked(err); err != nil && w.mu.up != nil {
		return w.failLocked(err)
	}
	return err
}

// moveLocked has another node take all blocks of the file before end, of size bytes, and be its host, since the one that it has does not
// go on, why.
func (w *nodeWriter) moveLocked(end, size int64, why error) error {
	r := w.holdRequest(0, end, size)
	r.Also = []string{w.mu.spilled.host}
	if err := w.findHostLocked(r, why); err != nil {
		return err
	}
	w.letGoSoonLocked(r.Also...)
	return nil
}
