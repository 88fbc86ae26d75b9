package cachefs

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/millpond/millpond/internal/namespace"
)

const (
	settleAtOpen   = 2 * time.Second       // Open waits this long at most for stores to answer for old intents
	settleMinDelay = 50 * time.Millisecond // between tries, doubling
	settleMaxDelay = 10 * time.Second      // a store that is down for long is asked six times a minute
)

// orphans are intents of this run that no call will end: adopted ones, and those of a call whose outcome its store did not
// tell.
type orphans struct {
	wake chan struct{}
	mu   struct {
		sync.Mutex
		ids   []uint64
		lanes map[string][]uint64 // by the path of their mount; those that are settled, or wait for another try
	}
}

func newOrphans() *orphans {
	o := &orphans{wake: make(chan struct{}, 1)}
	o.mu.lanes = map[string][]uint64{}
	return o
}

func (o *orphans) add(ids ...uint64) {
	o.hold(ids...)
	o.kick()
}

// hold is add for a caller who settles them, or kicks, next.
func (o *orphans) hold(ids ...uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.mu.ids = append(o.mu.ids, ids...)
}

func (o *orphans) kick() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

func (o *orphans) take() []uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	ids := o.mu.ids
	o.mu.ids = nil
	return ids
}

// enter puts intents into the lane of a mount. start asks the caller to settle that lane.
func (o *orphans) enter(mount string, ids []uint64) (start bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	lane, runs := o.mu.lanes[mount]
	o.mu.lanes[mount] = append(lane, ids...)
	return !runs
}

// next takes what waits in a lane; without anything the lane ends.
func (o *orphans) next(mount string) []uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	ids := o.mu.lanes[mount]
	if o.mu.lanes[mount] = nil; len(ids) == 0 {
		delete(o.mu.lanes, mount)
	}
	return ids
}

// adopt makes intents of runs that have ended this run's orphans. The caller settles them, or kicks.
func (n *Node) adopt(ctx context.Context, which func(in *namespace.Intent) bool) error {
	for _, in := range n.tree.Intents() {
		if !which(&in) {
			continue
		}
		_, err := n.proposeOnce(ctx, &namespace.Adopt{IntentID: in.ID, From: in.Lease, To: n.lease})
		switch {
		case errors.Is(err, ErrLeaseLost): // it has ended, or another was first
		case err != nil:
			return err
		default:
			n.orphans.hold(in.ID)
		}
	}
	return nil
}

// settleSoon settles what can be settled at once; the rest is left to runIntents.
func (n *Node) settleSoon(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, settleAtOpen)
	defer cancel()
	var lanes sync.WaitGroup
	for _, ids := range n.byMount(n.orphans.take()) {
		lanes.Go(func() { n.orphans.add(n.settleEach(ctx, ids)...) })
	}
	lanes.Wait()
}

// byMount are some intents by the mount whose store they wait for. Those that have ended, or that another node has adopted
// because it took this one for dead, are left out.
func (n *Node) byMount(ids []uint64) map[string][]uint64 {
	lanes := map[string][]uint64{}
	for _, id := range ids {
		in, ok := n.tree.Intent(id)
		if !ok || in.Lease != n.lease {
			continue
		}
		mount := ""
		if m, _ := n.mounts.find(in.Path); m != nil {
			mount = m.path
		}
		lanes[mount] = append(lanes[mount], id)
	}
	return lanes
}

// settleEach tries each of some intents once. It returns those whose store does not answer.
func (n *Node) settleEach(ctx context.Context, ids []uint64) (left []uint64) {
	for _, id := range ids {
		in, ok := n.tree.Intent(id)
		if !ok || in.Lease != n.lease {
			continue
		}
		committed, err := n.settleIntent(ctx, in, true)
		if err != nil {
			n.log.Warn("intent of unknown outcome: its store does not answer", "path", in.Path, "err", err)
			left = append(left, id)
			continue
		}
		n.log.Info("intent of unknown outcome settled", "path", in.Path, "done", committed)
	}
	return left
}

// runIntents settles orphans until ctx ends, those of each mount in a lane of their own: a store that does not answer keeps no
// other's waiting. Owner: Node.start.
func (n *Node) runIntents(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.orphans.wake:
		}
		for mount, ids := range n.byMount(n.orphans.take()) {
			if n.orphans.enter(mount, ids) {
				n.spawn(func(ctx context.Context) { n.settleLane(ctx, mount) })
			}
		}
	}
}

// settleLane settles the orphans of one mount until there are none, or ctx ends.
func (n *Node) settleLane(ctx context.Context, mount string) {
	delay := settleMinDelay
	for ids := n.orphans.next(mount); len(ids) > 0; ids = n.orphans.next(mount) {
		left := n.settleEach(ctx, ids)
		if len(left) == 0 {
			delay = settleMinDelay
			continue
		}
		n.orphans.enter(mount, left)
		select {
		case <-ctx.Done():
			return
		case <-time.After(delay):
		}
		delay = min(2*delay, settleMaxDelay)
	}
}
