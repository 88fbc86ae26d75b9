package cachefs

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/tier"
)

// persister copies written files to their under stores, several at a time, those that this node leads, and never gives up: a
// file whose upload fails is tried again after a delay that doubles up to a bound, while others go on.
type persister struct {
	n    *Node
	wake chan struct{}
	mu   struct {
		sync.Mutex
		files  map[uint64]*persisting // running, in a lane, or waiting for their next try
		lanes  map[string]*lane       // by the path of their mount; those that work
		rounds uint64                 // scans begun
		moved  chan struct{}          // closed when one was persisted or failed; nil while nobody waits
	}
	done, failed atomic.Uint64
}

type persisting struct {
	running bool   // or in a lane
	round   uint64 // the last scan that met it
	next    time.Time
	delay   time.Duration
	err     error // of the last try
}

func newPersister(n *Node) *persister {
	p := &persister{n: n, wake: make(chan struct{}, 1)}
	p.mu.files, p.mu.lanes = map[uint64]*persisting{}, map[string]*lane{}
	return p
}

// kick says that there may be something to persist.
func (p *persister) kick() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// run starts uploads as files wait for them, until ctx ends. Owner: Node.start.
func (p *persister) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		changed := p.n.nodes.changed()
		select {
		case <-ctx.Done():
			return
		case <-p.wake:
		case <-changed:
		case <-timer.C:
		}
		if next, ok := p.scan(ctx); ok {
			timer.Reset(time.Until(next))
		}
	}
}

// scan starts an upload for each file that waits and may be tried now. It returns when the next one may be.
func (p *persister) scan(ctx context.Context) (next time.Time, ok bool) {
	const page = 256
	round, present := p.round(), p.n.presence()
	for after := uint64(0); ; {
		list := p.n.tree.ToPersist(after, page)
		for i := range list {
			in := &list[i]
			after = in.Ino
			if !p.n.leads(in, present) { // another home does
				continue
			}
			ino, to := in.Ino, p.n.mountOf(in)
			start, at := p.claim(ino, round, to)
			switch {
			case start:
				if !p.n.spawn(func(ctx context.Context) { p.work(ctx, ino, to) }) {
					return next, false
				}
			case !at.IsZero() && (!ok || at.Before(next)):
				next, ok = at, true
			}
		}
		if len(list) < page {
			p.forget(round)
			return next, ok
		}
	}
}

// round begins a scan.
func (p *persister) round() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.rounds++
	return p.mu.rounds
}

// forget drops what a whole scan has not met: files that were removed while they waited for their next try.
func (p *persister) forget(round uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.DeleteFunc(p.mu.files, func(_ uint64, f *persisting) bool { return f.round != round && !f.running })
}

// claim takes ino for the lane of a mount, if it may be tried now, and else says when. start asks the caller for one more
// worker of the lane, beginning with ino.
func (p *persister) claim(ino, round uint64, to string) (start bool, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.mu.files[ino]
	if f == nil {
		f = &persisting{}
	}
	f.round = round
	switch {
	case f.running:
		return false, time.Time{}
	case time.Now().Before(f.next):
		return false, f.next
	}
	if start, f.running = p.laneLocked(to).take(ino, p.n.cfg.PersistWorkers); f.running {
		p.mu.files[ino] = f
	}
	return start, time.Time{}
}

// one tries to persist one file.
func (p *persister) one(ctx context.Context, ino uint64) {
	err := p.n.persistFile(ctx, ino)
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.mu.files[ino]
	f.running, f.err = false, err
	if err == nil {
		delete(p.mu.files, ino)
		p.done.Add(1)
	} else {
		p.failed.Add(1)
		f.delay = p.double(f.delay)
		f.next = time.Now().Add(f.delay)
		p.kick()
	}
	p.movedLocked()
}

// moved tells who waits for the backlog that it has changed.
func (p *persister) moved() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.movedLocked()
}

func (p *persister) movedLocked() {
	if p.mu.moved != nil {
		close(p.mu.moved)
		p.mu.moved = nil
	}
}

// double is the delay after one more failure.
func (p *persister) double(delay time.Duration) time.Duration {
	return min(max(2*delay, p.n.cfg.PersistMinDelay), p.n.cfg.PersistMaxDelay)
}

// nextDelay is how long ino will wait after the try that fails now.
func (p *persister) nextDelay(ino uint64) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.double(p.mu.files[ino].delay)
}

// movement is closed at the next success or failure.
func (p *persister) movement() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.moved == nil {
		p.mu.moved = make(chan struct{})
	}
	return p.mu.moved
}

// lastError is why ino is not persisted yet, if it was tried.
func (p *persister) lastError(ino uint64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f := p.mu.files[ino]; f != nil {
		return f.err
	}
	return nil
}

// persistFile uploads one file and publishes it. nil also if there is nothing to do any more.
func (n *Node) persistFile(ctx context.Context, ino uint64) error {
	in, ok := n.tree.Get(ino)
	if !ok || in.Persist != namespace.ToPersist {
		return nil
	}
	path, ok := n.tree.Path(ino)
	if !ok {
		return nil
	}
	err := n.uploadAndPublish(ctx, path, &in)
	now, ok := n.tree.Get(ino)
	if !ok || now.FileID != in.FileID || errors.Is(err, namespace.ErrStale) {
		return nil // removed or replaced meanwhile, or published by another home
	}
	if errors.Is(err, tier.ErrMiss) { // its blocks are gone: trying again would not bring them back
		if lost := n.checkHome(ctx, ino); lost != nil {
			return lost
		}
		if now, _ := n.tree.Get(ino); now.Persist == namespace.Lost {
			return nil
		}
	}
	if err != nil {
		n.persisted(path, &in, err, n.persist.nextDelay(ino))
		return err
	}
	n.unholdFile(&in)
	n.persisted(path, &in, nil, 0)
	return nil
}

func (n *Node) uploadAndPublish(ctx context.Context, path string, in *namespace.Inode) error {
	u, err := n.newUpload(ctx, path, in.Size, in.Mode, n.overWhatIsThere)
	if err != nil {
		return err
	}
	if err := n.sendAndPublish(ctx, path, in, u); err != nil {
		u.abort()
		n.sweep(ctx, path)
		return err
	}
	return nil
}

func (n *Node) sendAndPublish(ctx context.Context, path string, in *namespace.Inode, u *upload) error {
	for i := range blocksOf(in) {
		if err := n.uploadBlock(ctx, u, in, i); err != nil {
			return err
		}
	}
	// A name that moved meanwhile is uploaded again under the new one.
	if now, ok := n.tree.Path(in.Ino); !ok || now != path {
		return errMoved
	}
	return n.publish(ctx, path, in.Ino, u, nil)
}

// sweep removes the directories that an upload made in the store for a name that has moved, as far as they are empty and
// the namespace does not have them.
func (n *Node) sweep(ctx context.Context, path string) {
	for dir := parentOf(path); dir != "/"; dir = parentOf(dir) {
		m, key := n.mounts.find(dir)
		if m == nil || key == "" {
			return
		}
		if _, err := n.tree.Stat(dir, nil); !errors.Is(err, ErrNotExist) {
			return
		}
		store, err := m.open(ctx)
		if err != nil || store.Delete(ctx, key) != nil {
			return
		}
	}
}

// errMoved ends an upload whose file was renamed or removed while it ran.
var errMoved = errors.New("renamed or removed while it was uploaded")

// unholdFile lets the evictor have the blocks of a file that the store has.
func (n *Node) unholdFile(in *namespace.Inode) {
	for i := range blocksOf(in) {
		n.tiers.Unhold(blockID(in, i))
	}
}

// drain waits, on a node alone, until nothing waits for its store: what is written behind would end with this process.
func (p *persister) drain(ctx context.Context) error {
	for {
		moved := p.movement()
		list := p.n.tree.ToPersist(0, 1)
		if len(list) == 0 {
			return nil
		}
		in := list[0]
		p.kick()
		select {
		case <-moved:
		case <-ctx.Done():
			path, _ := p.n.tree.Path(in.Ino)
			return fmt.Errorf("%s is not persisted, and its only copy ends with this node: %w", path, errors.Join(context.Cause(ctx), p.lastError(in.Ino)))
		}
	}
}
