package journal

import (
	"slices"
	"sync"

	"github.com/millpond/millpond/journal/internal/wire"
)

// pointEvery is how many raft entries lie between two points: a search decodes at most so many heads.
const pointEvery = 256

// point says that the changes up to index are those of the raft entries up to raft.
type point struct{ raft, index uint64 }

// progress is how far this node has applied, and where changes lie in the log.
type progress struct {
	mu struct {
		sync.Mutex
		at      point
		term    uint64  // of the raft entry at
		time    int64   // of the last entry
		points  []point // ascending; the first one is where the log that is kept begins
		skipped []uint64
		changed chan struct{} // closed at the next advance; nil if nobody waits
	}
}

// reset starts at a restored checkpoint. If it is foreign, the log begins anew behind it.
func (p *progress) reset(at point, term uint64, now int64, skipped []uint64, foreign bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.at, p.mu.term, p.mu.time, p.mu.skipped = at, term, now, skipped
	if foreign {
		p.mu.points = append(p.mu.points[:0], at)
	}
	p.wakeLocked()
}

// know adds a point, of a checkpoint or of the log's beginning.
func (p *progress) know(at point) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i, found := slices.BinarySearchFunc(p.mu.points, at, func(a, b point) int {
		return int(int64(a.raft) - int64(b.raft))
	})
	if !found {
		p.mu.points = slices.Insert(p.mu.points, i, at)
	}
}

// changeAt is the last change up to a raft index that know was told of.
func (p *progress) changeAt(raft uint64) uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range slices.Backward(p.mu.points) {
		if a.raft <= raft {
			return a.index
		}
	}
	return 0
}

// advance says that the state machine has applied up to at.
func (p *progress) advance(at point, term uint64, now int64, skipped []uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.at, p.mu.term = at, term
	p.mu.time = max(p.mu.time, now)
	p.mu.skipped = append(p.mu.skipped, skipped...)
	if n := len(p.mu.points); n == 0 || at.raft >= p.mu.points[n-1].raft+pointEvery {
		p.mu.points = append(p.mu.points, at)
	}
	p.wakeLocked()
}

func (p *progress) wakeLocked() {
	if p.mu.changed != nil {
		close(p.mu.changed)
		p.mu.changed = nil
	}
}

// trim forgets what lies before raft index from, which the log no longer keeps.
func (p *progress) trim(from uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.mu.points, func(a point) bool { return a.raft >= from })
	if i <= 0 {
		return
	}
	p.mu.points = slices.Delete(p.mu.points, 0, i)
	first := p.mu.points[0].index
	p.mu.skipped = slices.DeleteFunc(p.mu.skipped, func(at uint64) bool { return at <= first })
}

// seek finds where to read for change from on; first is the first change that can be had.
func (p *progress) seek(from uint64) (at point, first uint64, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.mu.points) == 0 {
		return point{}, p.mu.at.index + 1, false
	}
	first = p.mu.points[0].index + 1
	if from < first {
		return point{}, first, false
	}
	for _, a := range slices.Backward(p.mu.points) {
		if a.index < from {
			return a, first, true
		}
	}
	return point{}, first, false
}

func (p *progress) isSkipped(index uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, found := slices.BinarySearch(p.mu.skipped, index)
	return found
}

func (p *progress) now() (at point, time int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.at, p.mu.time
}

// place is how far things are, as others are told.
func (p *progress) place() wire.Place {
	p.mu.Lock()
	defer p.mu.Unlock()
	return wire.Place{Raft: p.mu.at.raft, Of: p.mu.term, Index: p.mu.at.index}
}

// wait returns how far things are, and a channel that closes when they are further.
func (p *progress) wait() (at point, changed <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.changed == nil {
		p.mu.changed = make(chan struct{})
	}
	return p.mu.at, p.mu.changed
}

// snapshot is what a checkpoint keeps.
func (p *progress) snapshot() (at point, time int64, skipped []uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.at, p.mu.time, slices.Clone(p.mu.skipped)
}
