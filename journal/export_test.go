package journal

import (
	"bytes"
	"fmt"
	"io"

	"github.com/millpond/millpond/journal/internal/batch"
)

// SampleState is a checkpoint's part of the journal, with every field set.
func SampleState() []byte {
	a := newAnswers()
	a.swept = 7
	a.sessions[[16]byte{2}] = &sessionAnswers{acked: 3, last: 9, open: map[uint64]answer{}}
	for seq := range uint64(9) { // enough to tell an order from luck
		a.sessions[[16]byte{2}].open[seq+4] = answer{seq + 11, []byte("answer"[:seq%7])}
	}
	a.sessions[[16]byte{1}] = &sessionAnswers{last: 8, open: map[uint64]answer{}}
	s := state{index: 12, time: 99, skipped: []uint64{2, 6}, answers: a}
	return s.append(nil)
}

// ReadState reads a state and writes it again; rest is what follows it.
func ReadState(b []byte) (again, rest []byte, err error) {
	r := bytes.NewReader(b)
	s, err := readState(r)
	if err != nil {
		return nil, nil, err
	}
	rest, err = io.ReadAll(r)
	return s.append(nil), rest, err
}

// Ours takes what others have sent out of a batch that was gathered while this node led: sizes are of groups, 0 is a command of its own.
// It returns the commands that are left, and how many groups were told to go elsewhere.
func Ours(sizes []int) (left []string, told int) {
	var q queue
	q.init()
	var groups []*waiter
	for i, n := range sizes {
		if n == 0 {
			_, _, _ = q.add(&batch.Command{Cmd: fmt.Appendf(nil, "own %d", i)})
			continue
		}
		w, _, _ := q.addGroup(make([]batch.Command, n))
		groups = append(groups, w)
	}
	buf, ws := ours(q.take(nil))
	for _, w := range groups {
		if len(w.done) == 1 && w.group.err != nil {
			told++
		}
	}
	batch.Finish(buf, 0, len(ws))
	cmds, _, err := batch.Decode(nil, buf)
	if err != nil {
		return []string{err.Error()}, told
	}
	for _, c := range cmds {
		left = append(left, string(c.Cmd))
	}
	return left, told
}

// TakeAtMost bounds the bytes of others' batches that wait at j.
func TakeAtMost(j *Journal, n int64) { j.mesh.room = n }
