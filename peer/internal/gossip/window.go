package gossip

import "time"

const (
	windowLen = 1024                    // packets that may overtake each other
	forget    = 2*MaxSkew + time.Minute // after that, an old packet's time refuses it
	maxBoots  = 1 << 14                 // runs that are remembered; more than a mesh has nodes
)

// windows remember which packets of which run were seen. Their times are of how long this node has run.
type windows map[uint64]*window

// window is a run's highest counter and those below it.
type window struct {
	highest uint64
	heard   time.Duration
	bits    [windowLen / 64]uint64 // of counters modulo windowLen
}

// take notes a packet, or says why it is refused. Its time has been checked.
func (ws windows) take(boot, counter uint64, up time.Duration) error {
	w := ws[boot]
	if w == nil {
		if len(ws) >= maxBoots {
			ws.clean(up)
		}
		if len(ws) >= maxBoots {
			return errCrowded
		}
		w = newWindow(counter)
		ws[boot] = w
	}
	if !w.take(counter) {
		return errReplay
	}
	w.heard = up
	return nil
}

// know reports whether a packet of that run was taken.
func (ws windows) know(boot uint64) bool { return ws[boot] != nil }

// clean forgets runs of which nothing was heard for long.
func (ws windows) clean(up time.Duration) {
	for boot, w := range ws {
		if up-w.heard > forget {
			delete(ws, boot)
		}
	}
}

// newWindow takes what came before the first packet for seen: it may have been recorded before this node restarted. So a clock
// that is set later need not be believed.
func newWindow(first uint64) *window {
	w := &window{}
	if first == 0 {
		return w
	}
	w.highest = first - 1
	for i := range w.bits {
		w.bits[i] = ^uint64(0)
	}
	return w
}

// take reports whether a counter is new, and notes it.
func (w *window) take(counter uint64) bool {
	if counter == 0 || counter+windowLen <= w.highest {
		return false
	}
	if counter > w.highest {
		w.clear(w.highest+1, counter)
		w.highest = counter
	}
	word, bit := &w.bits[counter%windowLen/64], uint64(1)<<(counter%64)
	if *word&bit != 0 {
		return false
	}
	*word |= bit
	return true
}

// clear makes room for counters from, ..., to.
func (w *window) clear(from, to uint64) {
	if to-from >= windowLen {
		w.bits = [windowLen / 64]uint64{}
		return
	}
	for c := from; c <= to; c++ {
		w.bits[c%windowLen/64] &^= 1 << (c % 64)
	}
}
