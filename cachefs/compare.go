package cachefs

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"
	"time"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/tier"
)

// comparePart bounds how many versions compare looks at in one walk of the replica: 16 MiB of their ids.
const comparePart = 1 << 20

// compareAtStart brings tiers and replica together after a start, when the tiers know what they have and the replica what
// the others do.
func (n *Node) compareAtStart(ctx context.Context) {
	if n.caughtUp(ctx) {
		n.compare(ctx)
	}
}

// caughtUp waits until what the tiers have and what the replica says can be compared; false if ctx ends before. A replica from before would
// have the blocks of newer files dropped.
func (n *Node) caughtUp(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-n.tiers.Recovered():
	}
	for !n.isAlone() && n.journal.Barrier(ctx) != nil {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(settleMinDelay):
		}
	}
	return true
}

// compare finds what this node missed: blocks that no file names any more are dropped, those that the store has by now
// are held no longer, those of which other nodes are the homes are looked at later (checkTaken), and files whose only copy
// was here and is gone are marked Lost (or found again). It looks at what was there when it began: later blocks have their
// effects.
func (n *Node) compare(ctx context.Context) {
	parts := 1
	for _, t := range n.tiers.Metrics().Tiers {
		parts += t.Blocks / comparePart
	}
	for part := range parts {
		n.compareBlocks(ctx, part, parts)
	}
	n.eachUnsaved(ctx, func(in *namespace.Inode) bool {
		if err := n.checkHome(ctx, in.Ino); err != nil && ctx.Err() == nil {
			n.log.Warn("a file that may be lost is not marked", "ino", in.Ino, "err", err)
		}
		return true
	})
}

// version is what compare knows of the blocks of one FileID.
type version struct {
	id          tier.FileID
	held, known bool
}

// compareBlocks compares one part of the versions that the tiers have with the replica. The tiers are looked at first:
// a version that is found or written meanwhile is known before its first block is there.
func (n *Node) compareBlocks(ctx context.Context, part, parts int) {
	list := n.versions(part, parts)
	find := func(id tier.FileID) *version {
		i, ok := slices.BinarySearchFunc(list, id, func(v version, id tier.FileID) int { return bytes.Compare(v.id[:], id[:]) })
		if !ok {
			return nil
		}
		return &list[i]
	}
	for _, id := range n.overlay.versions() {
		if v := find(id); v != nil {
			v.known = true
		}
	}
	var stored, others []namespace.Inode // of what is held: what the store has, and what this node is no home of
	n.tree.All(func(in *namespace.Inode) bool {
		if v := find(in.FileID); v != nil && !in.Dir {
			v.known = true
			switch {
			case !v.held:
			case in.Complete && in.Persist == namespace.Persisted:
				stored = append(stored, *in)
			case !n.isAlone() && !slices.Contains(in.Homes, n.id):
				others = append(others, *in)
			}
		}
		return ctx.Err() == nil
	})
	if ctx.Err() != nil { // the walk may have missed some
		return
	}
	for i := range stored {
		n.unholdFile(&stored[i])
	}
	for i := range others {
		n.taken.note(&others[i], !others[i].Complete)
	}
	n.dropUnknown(func(b *tier.BlockInfo) bool {
		v := find(b.ID.File())
		return v != nil && !v.known && (b.Held || !n.young)
	})
}

// versions are those of one part that the tiers have, sorted.
func (n *Node) versions(part, parts int) (list []version) {
	for b := range n.tiers.All() {
		id := b.ID.File()
		if int(binary.BigEndian.Uint16(id[:]))*parts>>16 != part {
			continue
		}
		if k := len(list); k > 0 && list[k-1].id == id {
			list[k-1].held = list[k-1].held || b.Held
			continue
		}
		list = append(list, version{id: id, held: b.Held})
	}
	slices.SortFunc(list, func(a, b version) int { return bytes.Compare(a.id[:], b.id[:]) })
	out := list[:0]
	for _, v := range list {
		if k := len(out); k > 0 && out[k-1].id == v.id {
			out[k-1].held = out[k-1].held || v.held
			continue
		}
		out = append(out, v)
	}
	return out
}

// dropUnknown drops the blocks that unknown picks.
func (n *Node) dropUnknown(unknown func(b *tier.BlockInfo) bool) {
	dropped := 0
	for b := range n.tiers.All() {
		if unknown(&b) && n.writers.find(b.ID.File()) == nil && n.tiers.Drop(b.ID) {
			dropped++
		}
	}
	if dropped > 0 {
		n.log.Info("cached blocks of no file dropped", "blocks", dropped)
	}
}

// lost tells that a file's bytes are gone, and why.
func (n *Node) lost(f FileInfo, why string) {
	n.log.Warn("file lost: "+why, "path", f.Path, "size", f.Size)
	if n.cfg.Events.FileLost != nil {
		n.cfg.Events.FileLost(f)
	}
}
