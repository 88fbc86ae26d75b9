package cachefs

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/millpond/millpond/internal/namespace"
)

// handOn sees to it that what only this node has of files that no store has outlives it: other nodes take copies, or the
// files are uploaded, within ctx. The journal is told within tell. It says by error what ends with the node.
func (n *Node) handOn(ctx, tell context.Context) error {
	if n.isAlone() {
		if n.durable() {
			return nil
		}
		return n.persist.drain(ctx)
	}
	said, untold := n.announce(tell)
	silent := n.silent(ctx)
	for pause := askAgain; ; pause = min(2*pause, maxHandOnPause) {
		applied, changed := n.applying.next(), n.nodes.changed()
		left := n.handOnEach(ctx, silent)
		if left.waiting == 0 || ctx.Err() != nil {
			return left.error(ctx, untold)
		}
		if said && !n.announced() {
			said, untold = n.announce(tell)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		select {
		case <-applied:
		case <-changed:
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// maxHandOnPause is between looks at what is not handed on yet: a busy node is asked again, an upload has ended.
const maxHandOnPause = time.Second

// leftBehind is what becomes of the files of a node that leaves.
type leftBehind struct {
	shared  int      // only others have them when the process has ended
	waiting int      // for their upload, or for a node to take them
	lost    int      // nobody takes them
	first   []string // paths of some that wait or are lost
	why     error
}

// firstPaths is how many files an error names.
const firstPaths = 3

func (l *leftBehind) note(path string, err error) {
	if len(l.first) < firstPaths {
		l.first = append(l.first, path)
	}
	if err != nil {
		l.why = err
	}
}

// error says what ends with the node, when it waits for nothing any more. untold is why others do not know that it leaves.
func (l *leftBehind) error(ctx context.Context, untold error) error {
	if k := l.lost + l.waiting; k > 0 {
		err := fmt.Errorf("%w: %d files end with this node, among them %s: no node that stays has them", ErrLost, k, strings.Join(l.first, ", "))
		if l.waiting > 0 && ctx.Err() != nil {
			err = fmt.Errorf("%w: %w", err, context.Cause(ctx))
		}
		if l.why != nil {
			err = fmt.Errorf("%w: %w", err, l.why)
		}
		return err
	}
	if l.why != nil {
		return l.why
	}
	if untold != nil && l.shared > 0 {
		return fmt.Errorf("%d files are lost if the nodes that have them leave, too: nobody was told that this one does: %w", l.shared, untold)
	}
	return nil
}

// handOnEach hands on what it can. silent are the nodes that are not counted on.
func (n *Node) handOnEach(ctx context.Context, silent map[string]bool) *leftBehind {
	left := &leftBehind{}
	n.handOnTaken(ctx, left) // first: one that is complete by now may have this node as its home
	stay := n.staying()
	delete(stay, n.id)
	maps.DeleteFunc(stay, func(id string, _ bool) bool { return silent[id] })
	n.eachUnsaved(context.WithoutCancel(ctx), func(in *namespace.Inode) bool {
		if in.Persist != namespace.Lost && slices.Contains(in.Homes, n.id) {
			n.handOnFile(ctx, in, stay, left)
		}
		return true
	})
	return left
}

// handOnFile hands on one file to a node that stays.
func (n *Node) handOnFile(ctx context.Context, in *namespace.Inode, stay map[string]bool, left *leftBehind) {
	if len(n.homesOf(in, stay)) > 0 {
		n.noteShared(left)
		return
	}
	if ctx.Err() == nil && n.checkHome(ctx, in.Ino) == nil {
		if now, _ := n.tree.Get(in.Ino); !slices.Contains(now.Homes, n.id) {
			return // it has no copies to lose
		}
	}
	path, _ := n.tree.Path(in.Ino)
	var err error
	if ctx.Err() == nil && len(stay) > 0 {
		var taken bool
		if taken, err = n.giveAway(ctx, in, stay); taken {
			n.noteShared(left)
			return
		}
	}
	switch {
	case n.durable(): // its disk has it, for when it is back
		if err != nil {
			left.why = errors.Join(left.why, pathError("hand on", path, err))
		}
	case in.Persist == namespace.ToPersist:
		n.persist.kick()
		left.waiting++
		left.note(path, errors.Join(err, n.persist.lastError(in.Ino)))
	case len(stay) > 0 && !errors.Is(err, ErrNoSpace): // they may be busy
		left.waiting++
		left.note(path, err)
	default:
		left.lost++
		left.note(path, err)
	}
}

// noteShared notes a file that another node has. What a disk here has does not depend on that one.
func (n *Node) noteShared(left *leftBehind) {
	if !n.durable() {
		left.shared++
	}
}

// giveAway has a node that stays take copies of a file. Where this node's own end with the process, it is no home any more then.
// Who has said by now that it leaves, too, has not become a home: the replica says that, not who was asked.
func (n *Node) giveAway(ctx context.Context, in *namespace.Inode, stay map[string]bool) (taken bool, err error) {
	to, err := n.spread(ctx, in, nil, 1, stay)
	if err == nil && len(to) > 0 {
		_, err = n.propose(ctx, &namespace.SetHomes{Ino: in.Ino, FileID: in.FileID, Add: to})
	}
	now, ok := n.tree.Get(in.Ino)
	switch {
	case !ok || now.FileID != in.FileID: // removed meanwhile
		return true, nil
	case err != nil || len(to) == 0 || !slices.Contains(now.Homes, to[0]):
		return false, err
	case n.durable():
		return true, nil
	}
	_, err = n.propose(ctx, &namespace.SetHomes{Ino: in.Ino, FileID: in.FileID, Drop: []string{n.id}})
	if err != nil {
		n.log.Debug("a node that leaves is still a home", "ino", in.Ino, "err", err)
	}
	return true, nil
}

// silentAfter is how long a node that is counted on may take to answer; one that has just died is seen to be gone by then.
const silentAfter = 3 * time.Second

// silent are those of the nodes that this one counts on which do not answer, and may be dead already.
func (n *Node) silent(ctx context.Context) map[string]bool {
	ctx, cancel := context.WithTimeout(ctx, silentAfter)
	defer cancel()
	var mu sync.Mutex
	var asked sync.WaitGroup
	list := map[string]bool{}
	for id := range n.countedOn(ctx) {
		asked.Go(func() {
			if n.awaitNode(ctx, id, 0) != nil {
				mu.Lock()
				defer mu.Unlock()
				list[id] = true
			}
		})
	}
	asked.Wait()
	return list
}

// countedOn are the nodes that stay and have files that this one has, too.
func (n *Node) countedOn(ctx context.Context) map[string]bool {
	list, stay := map[string]bool{}, n.staying()
	n.eachUnsaved(ctx, func(in *namespace.Inode) bool {
		if slices.Contains(in.Homes, n.id) {
			for _, id := range n.homesOf(in, stay) {
				list[id] = true
			}
		}
		return true
	})
	delete(list, n.id)
	return list
}
