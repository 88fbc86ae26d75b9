package cachefs

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/tier"
)

// taken are the files of which this node holds blocks because another one asked it to, until it is known whether it is a home of
// theirs, or was asked to take some. Who asked may have given up before the answer came, or not have come through when it let them go: then nobody says so.
type taken struct {
	mu    sync.Mutex
	files map[tier.FileID]takenFile
}

type takenFile struct {
	ino  uint64
	only bool // its writer has no room for what is here
}

// note notes a file; only, of some blocks of it, that its writer's node has no room for them.
func (t *taken) note(in *namespace.Inode, only bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.files == nil {
		t.files = map[tier.FileID]takenFile{}
	}
	t.files[in.FileID] = takenFile{in.Ino, only || t.files[in.FileID].only}
}

func (t *taken) forget(id tier.FileID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.files, id)
}

func (t *taken) list() map[tier.FileID]takenFile {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.files)
}

// checkTaken lets go of what others have had this node take and do not count on.
func (n *Node) checkTaken(ctx context.Context) {
	stay := n.staying()
	for id, f := range n.taken.list() {
		if ctx.Err() != nil {
			return
		}
		n.checkTakenFile(id, f.ino, stay)
	}
}

// checkTakenFile forgets a file when the replica says what its copies here are: a home's, or not needed. What is being written, or
// has fewer homes than it wants, may be about to make this node one; if it becomes one later than that, rehold is told.
func (n *Node) checkTakenFile(id tier.FileID, ino uint64, stay map[string]bool) {
	pass, free := n.holds.try(string(id[:]))
	if !free { // more of it is on its way
		return
	}
	defer pass()
	in, ok := n.tree.Get(ino)
	switch {
	case !ok || in.FileID != id: // it was removed, and what was here went with it
	case in.Persist == namespace.Persisted:
		n.unholdFile(&in)
	case slices.Contains(in.Homes, n.id):
	case len(n.homesOf(&in, stay)) < n.copies(in.ReplicasMin, stay):
		return
	default:
		n.unholdFile(&in)
	}
	n.taken.forget(id)
}

// rehold holds the blocks of a file that has homes which it had not, if this node is one: it may have let them go meanwhile, or have been
// restarted since it took them. One that has not all any more takes them anew, or is no home.
func (n *Node) rehold(ino uint64) {
	in, ok := n.tree.Get(ino)
	if !ok || n.isAlone() || in.Persist == namespace.Persisted || !slices.Contains(in.Homes, n.id) {
		return
	}
	file := string(in.FileID[:])
	if pass, free := n.holds.try(file); free {
		defer pass()
		if n.holdFile(&in) {
			return
		}
	}
	n.spawn(func(ctx context.Context) { n.reholdLater(ctx, file, ino) })
}

// reholdLater is rehold when who has the file's turn, who may be letting it go just now, has passed it.
func (n *Node) reholdLater(ctx context.Context, file string, ino uint64) {
	pass, err := n.holds.take(ctx, file)
	if err != nil {
		return
	}
	in, ok := n.tree.Get(ino)
	if ok {
		n.taken.note(&in, false) // the store may have it by now, or the node be none of its homes
	}
	held := !ok || n.holdFile(&in)
	if pass(); !held {
		token(n.mends.damaged) // one after the other, and when the replica is up to date
	}
}
