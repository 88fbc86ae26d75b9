package cachefs

import "sync"

// ahead decides what to read ahead of one open file. It sees the first touch of each block only, so that hits cost it
// nothing, and answers which blocks to bring: none for random readers, ever more for sequential ones.
type ahead struct {
	mu struct {
		sync.Mutex
		last int64 // block touched last
		run  int64 // blocks touched in sequence up to it
		to   int64 // end of what was asked for already
	}
}

// touch notes that block i is read, and returns the half-open range of blocks to bring now: at most most blocks
// beyond i.
func (a *ahead) touch(i, most int64) (from, to int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch i {
	case a.mu.last:
		return 0, 0
	case a.mu.last + 1:
		a.mu.run++
	default:
		a.mu.run, a.mu.to = 0, i+1
	}
	a.mu.last = i
	// Twice the distance read: the window doubles with each block until it is full.
	end := i + 1 + min(2*a.mu.run, most)
	from, to = max(a.mu.to, i+1), end
	a.mu.to = max(a.mu.to, end)
	return from, to
}

// whole notes that the file is read from block i on without a stop, and returns the blocks to bring now.
func (a *ahead) whole(i, most int64) (from, to int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.mu.last, a.mu.run = i, max(a.mu.run, most)
	from, to = max(a.mu.to, i+1), i+1+most
	a.mu.to = max(a.mu.to, to)
	return from, to
}
