package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// answers is the replicated table of sessions. It is the state machine's goroutine's alone. What it does follows from
// the entries, so it is equal on all nodes.
type answers struct {
	sessions map[[16]byte]*sessionAnswers
	swept    int64 // entry time of the last sweep
}

type sessionAnswers struct {
	acked uint64
	last  int64 // time of its last entry, ns
	open  map[uint64]answer
}

type answer struct {
	index uint64
	bytes []byte
}

func newAnswers() *answers { return &answers{sessions: make(map[[16]byte]*sessionAnswers)} }

// admit decides about an operation at entry time now: apply it, or answer it with what is found or err.
func (a *answers) admit(op OpID, now int64) (found answer, apply bool, err error) {
	if op.Session == ([16]byte{}) {
		return answer{}, true, nil
	}
	s := a.sessions[op.Session]
	if s != nil {
		s.last = now
		s.ack(op.Acked)
		if got, ok := s.open[op.Seq]; ok {
			return got, false, nil
		}
		if op.Seq <= s.acked {
			return answer{}, false, ErrExpired
		}
		if len(s.open) >= MaxOpen {
			return answer{}, false, ErrTooManyOpen
		}
	}
	if op.At != 0 && now-op.At > int64(RetryWindow) {
		return answer{}, false, ErrExpired
	}
	if s == nil {
		s = &sessionAnswers{acked: op.Acked, last: now, open: make(map[uint64]answer)}
		a.sessions[op.Session] = s
	}
	s.open[op.Seq] = answer{} // taken: a second one in the same batch finds it
	return answer{}, true, nil
}

func (s *sessionAnswers) ack(upTo uint64) {
	if upTo <= s.acked {
		return
	}
	if upTo-s.acked < uint64(len(s.open)) {
		for seq := s.acked + 1; seq <= upTo; seq++ {
			delete(s.open, seq)
		}
	} else {
		for seq := range s.open {
			if seq <= upTo {
				delete(s.open, seq)
			}
		}
	}
	s.acked = upTo
}

// keep stores the first answer of an operation.
func (a *answers) keep(op OpID, got answer) {
	if s := a.sessions[op.Session]; s != nil && op.Seq > s.acked {
		s.open[op.Seq] = got
	}
}

// sweep drops sessions that have been idle at entry time now. It looks at all of them, so not at every entry.
func (a *answers) sweep(now int64) {
	if now-a.swept < int64(SessionIdle)/16 {
		return
	}
	a.swept = now
	for id, s := range a.sessions {
		if now-s.last > int64(SessionIdle) {
			delete(a.sessions, id)
		}
	}
}

// state is the journal's own part of a checkpoint, before the state machine's; drawn in doc.go.
type state struct {
	index   uint64 // last change applied
	time    int64  // of the last entry
	skipped []uint64
	answers *answers
}

const stateVersion = 1

// prologue is the fixed part: version, index, time, sweep time, counts.
const prologueLen = 4 + 8 + 8 + 8 + 4 + 4

func (s *state) append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, stateVersion)
	b = binary.LittleEndian.AppendUint64(b, s.index)
	b = binary.LittleEndian.AppendUint64(b, uint64(s.time))
	b = binary.LittleEndian.AppendUint64(b, uint64(s.answers.swept))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(s.skipped)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(s.answers.sessions)))
	for _, at := range s.skipped {
		b = binary.LittleEndian.AppendUint64(b, at)
	}
	ids := make([][16]byte, 0, len(s.answers.sessions))
	for id := range s.answers.sessions {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(x, y [16]byte) int { return bytes.Compare(x[:], y[:]) })
	for _, id := range ids {
		b = s.answers.sessions[id].append(append(b, id[:]...))
	}
	return b
}

func (s *sessionAnswers) append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint64(b, s.acked)
	b = binary.LittleEndian.AppendUint64(b, uint64(s.last))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(s.open)))
	seqs := make([]uint64, 0, len(s.open))
	for seq := range s.open {
		seqs = append(seqs, seq)
	}
	slices.Sort(seqs)
	for _, seq := range seqs {
		b = binary.LittleEndian.AppendUint64(b, seq)
		b = binary.LittleEndian.AppendUint64(b, s.open[seq].index)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(s.open[seq].bytes)))
		b = append(b, s.open[seq].bytes...)
	}
	return b
}

var errState = errors.New("checkpoint: bad table of sessions")

// readPrologue reads what is needed to place a checkpoint among the changes.
func readPrologue(r io.Reader) (s *state, skipped, sessions int, err error) {
	var b [prologueLen]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return nil, 0, 0, err
	}
	if v := binary.LittleEndian.Uint32(b[:]); v != stateVersion {
		return nil, 0, 0, fmt.Errorf("checkpoint: state version %d; this build reads %d", v, stateVersion)
	}
	s = &state{index: binary.LittleEndian.Uint64(b[4:]), time: int64(binary.LittleEndian.Uint64(b[12:])), answers: newAnswers()}
	s.answers.swept = int64(binary.LittleEndian.Uint64(b[20:]))
	return s, int(binary.LittleEndian.Uint32(b[28:])), int(binary.LittleEndian.Uint32(b[32:])), nil
}

func readState(r io.Reader) (*state, error) {
	s, skipped, sessions, err := readPrologue(r)
	if err != nil {
		return nil, err
	}
	for range skipped {
		at, err := readUint(r)
		if err != nil {
			return nil, err
		}
		s.skipped = append(s.skipped, at)
	}
	for range sessions {
		id, t, err := readSession(r)
		if err != nil {
			return nil, err
		}
		s.answers.sessions[id] = t
	}
	return s, nil
}

func readUint(r io.Reader) (uint64, error) {
	var b [8]byte
	_, err := io.ReadFull(r, b[:])
	return binary.LittleEndian.Uint64(b[:]), err
}

func readSession(r io.Reader) (id [16]byte, t *sessionAnswers, err error) {
	var b [36]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return id, nil, err
	}
	copy(id[:], b[:])
	n := binary.LittleEndian.Uint32(b[32:])
	if n > MaxOpen {
		return id, nil, errState
	}
	t = &sessionAnswers{
		acked: binary.LittleEndian.Uint64(b[16:]), last: int64(binary.LittleEndian.Uint64(b[24:])),
		open: make(map[uint64]answer, n),
	}
	for range n {
		if _, err := io.ReadFull(r, b[:20]); err != nil {
			return id, nil, err
		}
		size := binary.LittleEndian.Uint32(b[16:])
		if size > MaxCommand {
			return id, nil, errState
		}
		got := answer{index: binary.LittleEndian.Uint64(b[8:]), bytes: make([]byte, size)}
		if _, err := io.ReadFull(r, got.bytes); err != nil {
			return id, nil, err
		}
		t.open[binary.LittleEndian.Uint64(b[:])] = got
	}
	return id, t, nil
}
