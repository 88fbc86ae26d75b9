package journal

import (
	"context"
	"errors"
	"iter"

	"github.com/hashicorp/raft"

	"github.com/millpond/millpond/journal/internal/batch"
)

// Subscribe yields the applied changes from index from on (0 is 1), each once, and waits for further ones. It ends with an error:
// ctx's, ErrClosed, or a *CompactedError that names the first change that can be had. An Entry's Cmd is the caller's.
func (j *Journal) Subscribe(ctx context.Context, from uint64) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		from := max(from, 1)
		at, first, ok := j.at.seek(from)
		if !ok {
			yield(Entry{}, &CompactedError{from, first})
			return
		}
		s := subscriber{j: j, at: at, from: from, yield: yield}
		for {
			applied, changed := j.at.wait()
			for s.at.raft < applied.raft {
				if err := errors.Join(ctx.Err(), j.err()); err != nil {
					yield(Entry{}, err)
					return
				}
				more, err := s.next()
				if err != nil {
					yield(Entry{}, err)
				}
				if err != nil || !more {
					return
				}
			}
			select {
			case <-changed:
			case <-ctx.Done():
				yield(Entry{}, ctx.Err())
				return
			case <-j.closing:
				yield(Entry{}, ErrClosed)
				return
			case <-j.stopped.done:
				yield(Entry{}, j.err())
				return
			}
		}
	}
}

// subscriber reads the log one raft entry after the other.
type subscriber struct {
	j     *Journal
	at    point // read up to here
	from  uint64
	cmds  []batch.Command
	yield func(Entry, error) bool
}

func (s *subscriber) next() (more bool, err error) {
	var l raft.Log
	if err := s.j.store.peek(s.at.raft+1, &l); err != nil {
		if errors.Is(err, raft.ErrLogNotFound) {
			_, first, _ := s.j.at.seek(0)
			err = errors.Join(&CompactedError{max(s.from, s.at.index+1), first}, s.j.err())
		}
		return false, err
	}
	s.at.raft++
	if l.Type != raft.LogCommand {
		return true, nil
	}
	var now int64
	if s.cmds, now, err = batch.Decode(s.cmds[:0], l.Data); err != nil {
		return false, err
	}
	for _, c := range s.cmds {
		s.at.index++
		if s.at.index < s.from || s.j.at.isSkipped(s.at.index) {
			continue
		}
		op := OpID{Session: c.Session, Seq: c.Seq, Acked: c.Acked, At: c.At}
		if !s.yield(Entry{Index: s.at.index, Time: now, Op: op, Cmd: c.Cmd}, nil) {
			return false, nil
		}
	}
	return true, nil
}
