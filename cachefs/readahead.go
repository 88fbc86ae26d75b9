package cachefs

import "sync"

// ahead decides what to read ahead of one open file. It sees the reads that memory did not answer, so that hits cost it
// nothing, and answers which blocks to bring: none for random readers, ever more for sequential ones.
type ahead struct {
	mu struct {
		sync.Mutex
		begun bool
		last  int64 // block touched last
		next  int64 // where in it the last read ended
		bytes int64 // read there without a jump
		run   int   // blocks touched in sequence up to it
		to    int64 // end of what was asked for already
	}
}

// sequentialAfter is how much must be read of a block without a jump, and in more than one read, for its reader to be
// taken for one who goes on: a look at a file's header ends before.
const sequentialAfter = 256 << 10

// touch notes a read of n bytes in block i, from at on, and returns the half-open range of blocks to bring now: at most
// most blocks beyond i.
func (a *ahead) touch(i, at int64, n int, most int64) (from, to int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	follows := a.mu.begun && i == a.mu.last && at == a.mu.next
	if !follows {
		a.mu.bytes = 0
	}
	a.mu.next, a.mu.bytes = at+int64(n), a.mu.bytes+int64(n)
	switch {
	case !a.mu.begun, i != a.mu.last && i != a.mu.last+1:
		a.mu.begun, a.mu.last, a.mu.run, a.mu.to = true, i, 0, i+1
		return 0, 0
	case i == a.mu.last+1:
		a.mu.last++
		a.mu.run++
	case a.mu.run > 0 || !follows || a.mu.bytes < sequentialAfter:
		return 0, 0
	default:
		a.mu.run = 1
	}
	// The window doubles with each block until it is full.
	end := i + 1 + min(1<<min(a.mu.run, 30), most)
	from, to = max(a.mu.to, i+1), end
	a.mu.to = max(a.mu.to, end)
	return from, to
}

// whole notes that the file is read from block i on without a stop, and returns the blocks to bring now.
func (a *ahead) whole(i, most int64) (from, to int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.mu.begun, a.mu.last, a.mu.run = true, i, 30
	from, to = max(a.mu.to, i+1), i+1+most
	a.mu.to = max(a.mu.to, to)
	return from, to
}
