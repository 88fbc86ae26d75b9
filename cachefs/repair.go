package cachefs

import (
	"context"
	"maps"
	"time"

	"github.com/millpond/millpond/internal/namespace"
)

// repairAfter is how long after a change of the members copies are made anew: a process that starts again is back by then,
// with its disk.
const repairAfter = 10 * time.Second

// runRepair keeps as many copies of what only the cache has as its files want, and says which files have no home that
// lives, until ctx ends. It lets go of copies that nobody counts on. Owner: Node.start.
func (n *Node) runRepair(ctx context.Context) {
	missed := map[string]time.Time{}
	for {
		changed := n.nodes.changed()
		again := time.After(repairAfter)
		select {
		case <-ctx.Done():
			return
		case <-again:
		}
		n.repair(ctx)
		n.checkTaken(ctx)
		led := false
		n.asPrimary(ctx, func(ctx context.Context) { n.markHomeless(ctx, missed); led = true })
		if !led {
			clear(missed)
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-time.After(unheardGrace):
		}
	}
}

// repair has more nodes take copies of the files that this node leads and that have too few homes. What only nodes have that
// leave, they hand on.
func (n *Node) repair(ctx context.Context) {
	stay := n.staying()
	n.eachUnsaved(ctx, func(in *namespace.Inode) bool {
		homes := n.homesOf(in, stay)
		if want := n.copies(in.ReplicasMin, stay); len(homes) > 0 && len(homes) < want && homes[0] == n.id {
			if err := n.addHomes(ctx, in, homes, want); err != nil && ctx.Err() == nil {
				path, _ := n.tree.Path(in.Ino)
				n.log.Warn("a file has fewer copies than it should have", "path", path, "have", len(homes), "want", want, "err", err)
			}
		}
		return true
	})
}

// addHomes has other nodes take copies of a complete file, and tells the namespace which ones did.
func (n *Node) addHomes(ctx context.Context, in *namespace.Inode, homes []string, want int) error {
	now, err := n.spread(ctx, in, homes, want, n.staying())
	if len(now) > len(homes) {
		_, perr := n.propose(ctx, &namespace.SetHomes{Ino: in.Ino, FileID: in.FileID, Add: now[len(homes):]})
		if perr != nil {
			return perr
		}
	}
	return err
}

// markHomeless marks files Lost whose homes have all been missed for unheardGrace. One that comes back finds them. missed
// is since when nodes are.
func (n *Node) markHomeless(ctx context.Context, missed map[string]time.Time) {
	now, live := time.Now(), n.living()
	maps.DeleteFunc(missed, func(id string, _ time.Time) bool { return live[id] })
	gone := func(id string) bool {
		if _, known := missed[id]; !known && !live[id] {
			missed[id] = now
		}
		return !live[id] && now.Sub(missed[id]) >= unheardGrace
	}
	n.eachUnsaved(ctx, func(in *namespace.Inode) bool {
		homeless := in.Persist != namespace.Lost
		for _, id := range in.Homes {
			homeless = gone(id) && homeless
		}
		if !homeless {
			return true
		}
		_, err := n.propose(ctx, &namespace.SetHomes{Ino: in.Ino, FileID: in.FileID, Lost: true})
		if err != nil {
			return false
		}
		path, _ := n.tree.Path(in.Ino)
		n.lost(fileInfo(path, in), "no node lives that has a copy")
		return true
	})
}
