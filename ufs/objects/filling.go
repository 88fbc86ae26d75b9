package objects

import "sync/atomic"

// filling is the part that is being filled: pieces that are lent, and our own copies of what is not.
type filling struct {
	of       *chunks
	sections []section
	last     *chunk // of the last section, if that may grow
	size     int64
	own      int64 // bytes of chunks
	loans    []*loan
}

// section is bytes that are lent, or a chunk.
type section struct {
	lent  []byte
	chunk *chunk
}

func (s *section) len() int {
	if s.chunk != nil {
		return s.chunk.len()
	}
	return len(s.lent)
}

// memory is nil for what is in a file.
func (s *section) memory() []byte {
	if s.chunk != nil {
		return s.chunk.b
	}
	return s.lent
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

// leastChunk is what small writes are gathered in.
const leastChunk = 4 << 10

// copyIn appends a copy of p, of which there is room bytes in the part; more bytes are expected to follow for certain. What nobody
// has announced gets chunks as large as all before them: none is ever moved.
func (f *filling) copyIn(p []byte, room, more int64) error {
	for len(p) > 0 {
		if f.last == nil || f.last.rest() == 0 {
			want := max(int64(len(p))+more, min(max(f.own, leastChunk), room))
			c, err := f.of.get(want)
			if err != nil {
				return err
			}
			f.last = c
			f.sections = append(f.sections, section{chunk: c})
		}
		n := min(len(p), f.last.rest())
		if err := f.last.write(p[:n]); err != nil {
			return err
		}
		f.size += int64(n)
		f.own += int64(n)
		p, room = p[n:], room-int64(n)
	}
	return nil
}

// take appends p itself.
func (f *filling) take(p []byte, l *loan) {
	l.users.Add(1)
	f.size += int64(len(p))
	f.last = nil
	f.sections, f.loans = append(f.sections, section{lent: p}), append(f.loans, l)
}

// giveBack ends the part's loans and gives back its memory.
func (f *filling) giveBack() {
	for _, l := range f.loans {
		l.release()
	}
	for _, s := range f.sections {
		if s.chunk != nil {
			s.chunk.put()
		}
	}
	f.loans, f.sections, f.last = nil, nil, nil
}
