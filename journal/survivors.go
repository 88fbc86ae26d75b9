package journal

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/millpond/millpond/journal/internal/wire"
)

// survivors asks all nodes that take part how far they are. Each that lives is waited for; those of lost no longer than a
// question usually takes. silent are those that did not answer and are not missed. An error names those that are.
func (m *mesh) survivors(ctx context.Context, lost []string) (all map[string]wire.Replica, silent []string, err error) {
	var mu sync.Mutex
	var asked sync.WaitGroup
	all = make(map[string]wire.Replica)
	failed := make(map[string]error)
	for _, id := range m.mayKnow("") {
		asked.Go(func() {
			r, err := m.hearFrom(ctx, id, slices.Contains(lost, id))
			mu.Lock()
			defer mu.Unlock()
			if all[id] = r; err != nil {
				delete(all, id)
				failed[id] = err
			}
		})
	}
	asked.Wait()
	silent = slices.Sorted(maps.Keys(failed))
	missed := slices.DeleteFunc(slices.Clone(silent), func(id string) bool { return slices.Contains(lost, id) || !m.lives(id) })
	if len(missed) == 0 {
		return all, silent, nil
	}
	var why error
	for _, id := range missed {
		why = errors.Join(why, fmt.Errorf("node %s: %w", id, failed[id]))
	}
	return nil, nil, fmt.Errorf("%w: node %s lives, does not answer, and may have what the others lack; it is to answer, or to be named as lost: %w",
		ErrNotLost, strings.Join(missed, ", "), why)
}

// hearFrom asks a node how far it is until it answers, is seen to be gone, or ctx ends; briefly: for statusTime at most.
func (m *mesh) hearFrom(ctx context.Context, id string, briefly bool) (wire.Replica, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	if briefly {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, statusTime)
		defer stop()
	}
	var watch sync.WaitGroup
	watch.Go(func() { m.cancelWhenGone(ctx, id, cancel) })
	defer watch.Wait()
	defer cancel(nil)
	for {
		changed := m.peers.Changed()
		r, err := m.status(ctx, id)
		if _, refused := errors.AsType[*refusedError](err); err == nil || refused {
			return r, err
		}
		if waitFor(ctx, changed, retryPause) != nil {
			return r, errors.Join(err, context.Cause(ctx))
		}
	}
}

var errGone = errors.New("it is no longer seen")

// cancelWhenGone ends a context when a node is not seen to live any more.
func (m *mesh) cancelWhenGone(ctx context.Context, id string, cancel context.CancelCauseFunc) {
	for {
		changed := m.peers.Changed()
		if !m.lives(id) {
			cancel(errGone)
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// lives reports whether a node is seen to.
func (m *mesh) lives(id string) bool {
	return slices.ContainsFunc(m.peers.Members(), func(o Member) bool { return o.ID == id && o.Alive })
}
