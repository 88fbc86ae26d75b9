package cachefs

import (
	"context"
	"sync"
)

// turn is a lock that may be held across a disk, a store or the network: who waits for it waits no longer than his context,
// and on a channel, at which time goes on in a synctest bubble (at a mutex it stands still). The zero turn is free; a free
// one is taken without an allocation, whatever the context says.
type turn struct {
	state sync.Mutex // of what follows; held for no wait
	taken bool
	freed chan struct{} // closed when it is free again; nil while nobody waits
}

// take waits for the turn; the error is the cause of ctx's end.
func (t *turn) take(ctx context.Context) error {
	for {
		freed := t.try()
		if freed == nil {
			return nil
		}
		select {
		case <-freed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// try takes the turn, and returns nil, or says when to try again.
func (t *turn) try() (freed <-chan struct{}) {
	t.state.Lock()
	defer t.state.Unlock()
	if !t.taken {
		t.taken = true
		return nil
	}
	if t.freed == nil {
		t.freed = make(chan struct{})
	}
	return t.freed
}

// pass ends the turn of who has it.
func (t *turn) pass() {
	t.state.Lock()
	defer t.state.Unlock()
	t.taken = false
	if t.freed != nil {
		close(t.freed)
		t.freed = nil
	}
}
