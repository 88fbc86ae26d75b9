package cachefs

import (
	"context"

	"github.com/millpond/millpond/internal/namespace"
)

// laneLength is how many files a lane takes beyond those that its workers upload: the backlog is looked through once for some
// hundreds of uploads, not for each.
const laneLength = 1024

// lane is the uploads to the store of one mount. Each has its own workers: a store that is slow, or dead, and may take ten
// minutes to say so, keeps no other waiting.
type lane struct {
	workers int      // that run
	waiting []uint64 // claimed, for the next worker that is free
	more    bool     // the last scan left files out
}

// take takes a file, if there is room. start asks for one more worker, which begins with it.
func (l *lane) take(ino uint64, workers int) (start, taken bool) {
	switch {
	case l.workers < workers:
		l.workers++
		return true, true
	case len(l.waiting) < laneLength:
		l.waiting = append(l.waiting, ino)
		return false, true
	}
	l.more = true
	return false, false
}

func (p *persister) laneLocked(to string) *lane {
	l := p.mu.lanes[to]
	if l == nil {
		l = &lane{}
		p.mu.lanes[to] = l
	}
	return l
}

// work persists ino, and then what waits in the lane, until that is empty or ctx ends.
func (p *persister) work(ctx context.Context, ino uint64, to string) {
	for ok := true; ok && ctx.Err() == nil; ino, ok = p.next(to) {
		p.one(ctx, ino)
	}
}

// next is the file that waits longest in a lane; without one the lane has a worker less.
func (p *persister) next(to string) (ino uint64, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.mu.lanes[to]
	if ok = len(l.waiting) > 0; ok {
		ino, l.waiting = l.waiting[0], l.waiting[1:]
	} else if l.workers--; l.workers == 0 {
		delete(p.mu.lanes, to)
	}
	if l.more && len(l.waiting) < laneLength/2 {
		l.more = false
		p.kick()
	}
	return ino, ok
}

// mountOf is the path of the mount that a file is below, empty if it is below none.
func (n *Node) mountOf(in *namespace.Inode) string {
	path, _ := n.tree.Path(in.Ino)
	if m, _ := n.mounts.find(path); m != nil {
		return m.path
	}
	return ""
}
