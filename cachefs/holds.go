package cachefs

import (
	"context"
	"sync"
)

// holds has the requests for copies of one file take turns at the node that they ask. Two at once would want the same room, each for
// a part of it, and either might fail where the other has told its node that the copies are here.
type holds struct {
	mu    sync.Mutex
	files map[string]*holdTurn // by FileID; only those that somebody has or waits for
}

type holdTurn struct {
	turn
	users int // who have it or wait for it
}

// take waits for a file's turn, and returns what ends it; the error is the cause of ctx's end.
func (h *holds) take(ctx context.Context, file string) (pass func(), err error) {
	t := h.enter(file)
	if err := t.take(ctx); err != nil {
		h.leave(file, t)
		return nil, err
	}
	return func() { t.pass(); h.leave(file, t) }, nil
}

// try is take if the turn is free.
func (h *holds) try(file string) (pass func(), ok bool) {
	t := h.enter(file)
	if t.try() != nil {
		h.leave(file, t)
		return nil, false
	}
	return func() { t.pass(); h.leave(file, t) }, true
}

func (h *holds) enter(file string) *holdTurn {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.files[file]
	if t == nil {
		t = &holdTurn{}
		if h.files == nil {
			h.files = map[string]*holdTurn{}
		}
		h.files[file] = t
	}
	t.users++
	return t
}

func (h *holds) leave(file string, t *holdTurn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if t.users--; t.users == 0 {
		delete(h.files, file)
	}
}
