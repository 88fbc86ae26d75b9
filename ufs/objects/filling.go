package objects

import "sync/atomic"

// filling is the part that is being filled: pieces that are lent, and our own copies of what is not.
type filling struct {
	pieces [][]byte
	own    []byte // the last piece, if it is ours and may grow
	size   int64
	loans  []*loan
}

// loan is a piece that the lender gets back when every part that has some of it is sent.
type loan struct {
	users atomic.Int32
	back  func()
}

func (l *loan) release() {
	if l.users.Add(-1) == 0 {
		l.back()
	}
}

// copyIn appends a copy of p; about more bytes are expected to follow.
func (f *filling) copyIn(p []byte, more int64) {
	f.size += int64(len(p))
	if f.own != nil {
		f.own = append(f.own, p...)
		f.pieces[len(f.pieces)-1] = f.own
		return
	}
	f.own = append(make([]byte, 0, int64(len(p))+more), p...)
	f.pieces = append(f.pieces, f.own)
}

// take appends p itself.
func (f *filling) take(p []byte, l *loan) {
	l.users.Add(1)
	f.size += int64(len(p))
	f.own = nil
	f.pieces, f.loans = append(f.pieces, p), append(f.loans, l)
}

// giveBack ends the part's loans.
func (f *filling) giveBack() {
	for _, l := range f.loans {
		l.release()
	}
	f.loans = nil
}
