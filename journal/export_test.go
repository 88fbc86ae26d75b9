package journal

import (
	"bytes"
	"io"
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
