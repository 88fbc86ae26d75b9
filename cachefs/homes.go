package cachefs

import (
	"context"
	"slices"

	"github.com/millpond/millpond/internal/namespace"
)

// The homes of a file are the nodes that hold the blocks of it that no store has. They stand in its inode, the writer's own
// node first, and do not go out of it when a node fails: it may come back with the blocks.

// defaultCopies is how many nodes take what only the cache has, where there are so many and the file says nothing else.
const defaultCopies = 2

// copies is how many nodes a file should have that wants least, 0 for the default, and so many stay.
func (n *Node) copies(least int, stay map[string]bool) int {
	return min(orDefault(least, defaultCopies), len(stay))
}

// homesOf are the homes of a file among some nodes. A node alone is the home of all files, whatever it was called when it wrote
// them.
func (n *Node) homesOf(in *namespace.Inode, among map[string]bool) []string {
	if n.isAlone() {
		return []string{n.id}
	}
	var homes []string
	for _, id := range in.Homes {
		if among[id] {
			homes = append(homes, id)
		}
	}
	return homes
}

// leads reports whether this node does for a file what one of its homes has to do: the first one that stays. Where all that
// live are leaving, it is the one that said so last: the others may have looked before, and rely on it.
func (n *Node) leads(in *namespace.Inode, p presence) bool {
	if homes := n.homesOf(in, p.stay); len(homes) > 0 {
		return homes[0] == n.id
	}
	homes := n.homesOf(in, p.live)
	for _, l := range slices.Backward(p.leavers) {
		if slices.Contains(homes, l.Node) {
			return l.Node == n.id
		}
	}
	return false
}

// unsavedPage is how many files are looked at at a time.
const unsavedPage = 256

// eachUnsaved calls do with each complete file that no store has, until do says no or ctx ends.
func (n *Node) eachUnsaved(ctx context.Context, do func(in *namespace.Inode) bool) {
	eachOf(ctx, n.tree.Unsaved, do)
}

// eachOf calls do with the files of a list that comes in pages.
func eachOf(ctx context.Context, page func(after uint64, limit int) []namespace.Inode, do func(in *namespace.Inode) bool) {
	for after := uint64(0); ctx.Err() == nil; {
		list := page(after, unsavedPage)
		for i := range list {
			if !do(&list[i]) {
				return
			}
			after = list[i].Ino
		}
		if len(list) < unsavedPage {
			return
		}
	}
}

// checkHome brings together what the replica says of a file that no store has and what the tiers have of it. A home without
// the blocks is one no more; a node with all of them is one where the file was held to be lost.
func (n *Node) checkHome(ctx context.Context, ino uint64) error {
	in, ok := n.tree.Get(ino)
	if !ok || !in.Complete || in.Persist == namespace.Persisted {
		return nil
	}
	home, lost, has := n.isAlone() || slices.Contains(in.Homes, n.id), in.Persist == namespace.Lost, n.holdsAll(&in)
	x := &namespace.SetHomes{Ino: ino, FileID: in.FileID}
	switch {
	case has && lost:
		if !n.holdFile(&in) {
			return nil // the evictor was faster
		}
		x.Add = []string{n.id}
	case has && home: // it may have let go of them before it was one, and not have heard that it is
		n.holdFile(&in)
		return nil
	case !has && home && !(lost && n.isAlone()):
		x.Drop, x.Lost = []string{n.id}, n.isAlone()
	default:
		return nil
	}
	_, err := n.propose(ctx, x)
	n.persist.moved()
	if now, ok := n.tree.Get(ino); err == nil && !lost && ok && now.Persist == namespace.Lost {
		path, _ := n.tree.Path(ino)
		n.lost(fileInfo(path, &in), "its only copy was in this node's tiers")
	}
	return err
}

// holdFile keeps the cached blocks of a file out of the evictor; false if one of them has gone.
func (n *Node) holdFile(in *namespace.Inode) bool {
	for i := range blocksOf(in) {
		if n.tiers.Hold(blockID(in, i)) != nil {
			return false
		}
	}
	return true
}
