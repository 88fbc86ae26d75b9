package cachefs

import (
	"context"
	"slices"
)

// asking is what a fill waits for beyond this node, and who waits for it. Two nodes that take each other for the owner of a block, of which each may
// have some, would wait for each other: the one with the lower id goes to the store, unless something has come of what it asked for; else the owner
// does, which asks the owner before, and is told (errAsksBack).
type asking struct {
	ask   ask // the peer that is asked for the block; "" none
	stop  context.CancelCauseFunc
	from  int64    // what had arrived when it was asked
	store bool     // the store is asked
	by    []string // peers that ask for the block
}

// asks notes that the fill asks a peer; false if that waits for this node. A nil fill takes no note.
func (f *fill) asks(self string, a ask, stop context.CancelCauseFunc) bool {
	if f == nil {
		return true
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if self < a.peer && slices.Contains(f.mu.peers.by, a.peer) {
		return false
	}
	f.mu.peers.ask, f.mu.peers.stop, f.mu.peers.from = a, stop, f.arrivedLocked()
	f.changedLocked() // that peer may wait for it
	return true
}

// answered notes that the fill asks nobody now.
func (f *fill) answered() {
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.peers.ask, f.mu.peers.stop = ask{}, nil
}

// askedBy notes that a peer asks for the block.
func (f *fill) askedBy(self, peer string) {
	if peer == "" {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !slices.Contains(f.mu.peers.by, peer) {
		f.mu.peers.by = append(f.mu.peers.by, peer)
	}
	if f.mu.peers.ask.peer == peer && self < peer && f.arrivedLocked() == f.mu.peers.from {
		f.mu.peers.stop(errUrged) // nothing has come of what it was asked for
	}
}

// asksBackLocked reports whether the fill waits for a peer that may go to the store itself for what comes next, as this node does not: its id is
// the higher one, or some of what it asked for has come.
func (f *fill) asksBackLocked(peer string) bool {
	return peer != "" && f.mu.peers.ask.peer == peer && (f.src.n.id > peer || f.arrivedLocked() > f.mu.peers.from)
}

// arrivedLocked is how much of the block has arrived, from its start.
func (f *fill) arrivedLocked() int64 {
	if f.mu.writer == nil {
		return 0
	}
	return f.mu.writer.Len()
}

// toStore notes whether the fill asks the store.
func (f *fill) toStore(is bool) {
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.peers.store = is
}

// waitsFor says whether the fill waits for the store, or for which peer.
func (f *fill) waitsFor() (store bool, peer string) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.mu.peers.store, f.mu.peers.ask.peer
}

// progressed wakes the fill's readers.
func (f *fill) progressed() {
	if f != nil {
		f.changed()
	}
}
