package cachefs

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/tier"
)

// mends has this node look whether it still has what it is a home of, after its tiers lost blocks. Others count on that: a home that
// leaves does not hand on what another one has.
type mends struct {
	damaged chan struct{} // one token: a block did not match its checksum, and was dropped, or a file is found to lack some
	down    chan struct{} // one token: a directory was taken out of service
	up      chan struct{} // one token: one is back
}

func newMends() mends {
	return mends{damaged: make(chan struct{}, 1), down: make(chan struct{}, 1), up: make(chan struct{}, 1)}
}

// heard is e of a user, heard here as well.
func (m mends) heard(e tier.Events) tier.Events {
	corrupt, down, up := e.Corrupt, e.DirDown, e.DirUp
	e.Corrupt = func(i tier.CorruptInfo) { hear(m.damaged, corrupt, i) }
	e.DirDown = func(i tier.DirInfo) { hear(m.down, down, i) }
	e.DirUp = func(i tier.DirInfo) { hear(m.up, up, i) }
	return e
}

func token(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func hear[T any](note chan struct{}, tell func(T), info T) {
	token(note)
	if tell != nil {
		tell(info)
	}
}

// runMend makes good what the tiers lost, until ctx ends. A directory that is out of service may soon be back: it is waited for as a
// node that has failed is. Owner: Node.start.
func (n *Node) runMend(ctx context.Context) {
	if !n.caughtUp(ctx) {
		return
	}
	var late <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.mends.down:
			late = time.After(repairAfter)
			continue
		case <-late:
		case <-n.mends.up:
		case <-n.mends.damaged:
		}
		n.eachUnsaved(ctx, func(in *namespace.Inode) bool {
			if err := n.mend(ctx, in); err != nil && ctx.Err() == nil {
				path, _ := n.tree.Path(in.Ino)
				n.log.Warn("what a node has of a file is not what it should have", "path", path, "err", err)
			}
			return true
		})
	}
}

// mend brings together what the tiers have of a file and what the replica says of it. What a home lacks it takes from another home; if
// it cannot, it is none any more.
func (n *Node) mend(ctx context.Context, in *namespace.Inode) error {
	switch {
	case in.Persist == namespace.Lost:
		return n.checkHome(ctx, in.Ino) // a directory that is back may have it
	case !n.isAlone() && !slices.Contains(in.Homes, n.id), n.holdsFile(in):
		return nil
	}
	others := slices.DeleteFunc(n.homesOf(in, n.living()), func(id string) bool { return id == n.id })
	if len(others) == 0 && n.dirsDown() && !n.holdsAll(in) {
		return nil // the last one waits for the directory that may have it
	}
	if len(others) > 0 && n.takeAnew(ctx, others, in) {
		return nil
	}
	if !n.isAlone() {
		n.taken.note(in, false) // what is left of it here is counted on no more, or not yet
	}
	return n.checkHome(ctx, in.Ino)
}

// takeAnew has this node take from other homes what it lacks of a file, and reports whether there is nothing more to do.
func (n *Node) takeAnew(ctx context.Context, others []string, in *namespace.Inode) bool {
	pass, err := n.holds.take(ctx, string(in.FileID[:]))
	if err != nil {
		return true // the node closes
	}
	defer pass()
	n.taken.note(in, false) // it may have ceased to be a home by the time that it has them
	err = n.takeCopies(ctx, others, in, &holdRequest{Ino: in.Ino, Size: in.Size})
	if err == nil || errors.Is(err, ErrNotExist) || ctx.Err() != nil {
		return true
	}
	n.log.Warn("a home does not get copies anew", "ino", in.Ino, "err", err)
	return false
}

// holdsFile reports whether all of a file is here, and held.
func (n *Node) holdsFile(in *namespace.Inode) bool {
	for i := range blocksOf(in) {
		if !n.tiers.Held(blockID(in, i)) {
			return false
		}
	}
	return true
}

// dirsDown reports whether blocks may be here that cannot be read now.
func (n *Node) dirsDown() bool {
	return slices.ContainsFunc(n.tiers.Metrics().Tiers, func(t tier.TierMetrics) bool { return t.DirsDown > 0 })
}
