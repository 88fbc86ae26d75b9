package journal

import (
	"bufio"
	"fmt"
	"io"
	"sync"

	"github.com/hashicorp/raft"

	"github.com/millpond/millpond/journal/internal/batch"
)

// result is what one command led to.
type result struct {
	answer []byte
	index  uint64
	err    error
}

// applied is what one raft entry led to.
type applied struct {
	results    []result // one for each command
	raft, term uint64   // of the entry
}

// machine stands between raft and the state machine. What others see goes through progress.
type machine struct {
	mu      sync.Mutex // of all that follows: raft's state machine goroutine has it, and who freezes the state for a backup
	sm      StateMachine
	level   uint32
	answers *answers
	index   uint64 // last change numbered
	at      *progress
	stop    func(error) // the node is to stop
	applied func(n, bytes int)
	failed  error
	restore error // why the last Restore failed
	// follows says whether the log goes on behind a checkpoint that is being restored; else it begins anew there.
	follows func(raftIndex, term uint64) (bool, error)

	cmds    []batch.Command // scratch
	entries []Entry
	slots   []*result
	skipped []uint64
	twins   []twin
}

// Apply implements raft.FSM.
func (m *machine) Apply(l *raft.Log) any { return m.ApplyBatch([]*raft.Log{l})[0] }

// ApplyBatch implements raft.BatchingFSM. A response is an applied, or the error that stopped the node.
func (m *machine) ApplyBatch(logs []*raft.Log) []any {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make([]any, len(logs))
	m.entries, m.slots, m.skipped = m.entries[:0], m.slots[:0], m.skipped[:0]
	var last point
	var now int64
	var term uint64
	bytes := 0
	for i, l := range logs {
		if m.failed == nil && l.Type == raft.LogCommand {
			results, t, err := m.take(l)
			if err != nil {
				m.fail(err)
			} else {
				out[i], now = applied{results, l.Index, l.Term}, t
			}
		}
		if m.failed != nil {
			out[i] = m.failed
			continue
		}
		last, term, bytes = point{l.Index, m.index}, l.Term, bytes+len(l.Data)
	}
	n := len(m.entries)
	if err := m.apply(); err != nil {
		m.fail(err)
		for i := range out {
			out[i] = m.failed
		}
		return out
	}
	if last.raft != 0 {
		m.at.advance(last, term, now, m.skipped)
		m.applied(n, bytes)
	}
	return out
}

func (m *machine) fail(err error) {
	m.failed = &StoppedError{err}
	m.stop(err)
}

// take decodes one raft entry, numbers its commands and decides which of them are to be applied.
func (m *machine) take(l *raft.Log) ([]result, int64, error) {
	var now int64
	var err error
	m.cmds, now, err = batch.Decode(m.cmds[:0], l.Data)
	if err != nil {
		return nil, 0, fmt.Errorf("raft entry %d: %w", l.Index, err)
	}
	for i, c := range m.cmds { // all of them first: an entry is applied whole or not at all
		if err := m.known(m.index+uint64(i)+1, &c); err != nil {
			return nil, 0, err
		}
	}
	m.answers.sweep(now)
	results := make([]result, len(m.cmds))
	for i, c := range m.cmds {
		m.index++
		m.admit(c, now, &results[i])
	}
	return results, now, nil
}

func (m *machine) known(index uint64, c *batch.Command) error {
	level, err := m.sm.Level(c.Cmd)
	if level = max(level, c.Level); err != nil || level > m.level {
		return &UnknownCommandError{Index: index, Level: level, Known: m.level, Err: err}
	}
	return nil
}

func (m *machine) admit(c batch.Command, now int64, to *result) {
	op := OpID{Session: c.Session, Seq: c.Seq, Acked: c.Acked, At: c.At}
	found, fresh, err := m.answers.admit(op, now)
	switch {
	case fresh:
		to.index = m.index
		m.entries = append(m.entries, Entry{Index: m.index, Time: now, Op: op, Cmd: c.Cmd})
		m.slots = append(m.slots, to)
		return
	case err != nil:
		to.err = err
	case found.index != 0:
		to.answer, to.index = found.bytes, found.index
	default: // its first is in this very batch: its answer comes with that one's
		m.twins = append(m.twins, twin{op, to})
	}
	m.skipped = append(m.skipped, m.index)
}

// twin is a retry that was logged so soon behind its first that both are applied together. They are rare.
type twin struct {
	op OpID
	to *result
}

func (m *machine) answerTwins() {
	for _, t := range m.twins {
		for i := range m.entries {
			if m.entries[i].Op.Session == t.op.Session && m.entries[i].Op.Seq == t.op.Seq {
				*t.to = *m.slots[i]
			}
		}
	}
	m.twins = m.twins[:0]
}

// apply hands the fresh entries to the state machine and keeps the answers.
func (m *machine) apply() error {
	if len(m.entries) == 0 {
		return nil
	}
	got := m.sm.Apply(m.entries)
	if len(got) != len(m.entries) {
		return fmt.Errorf("state machine gave %d answers to %d entries", len(got), len(m.entries))
	}
	for i, a := range got {
		m.slots[i].answer = a
		m.answers.keep(m.entries[i].Op, answer{m.entries[i].Index, a})
	}
	m.answerTwins()
	clear(m.entries) // what they hold can go
	clear(m.slots)
	return nil
}

// Snapshot implements raft.FSM.
func (m *machine) Snapshot() (raft.FSMSnapshot, error) { return m.freeze() }

// freeze marks the state as it is now; any goroutine.
func (m *machine) freeze() (*frozen, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failed != nil {
		return nil, m.failed
	}
	at, now, skipped := m.at.snapshot()
	st := state{index: at.index, time: now, skipped: skipped, answers: m.answers}
	head := st.append(nil)
	snap, err := m.sm.Snapshot()
	if err != nil {
		return nil, err
	}
	return &frozen{head: head, snap: snap, index: at.index, know: m.at.know}, nil
}

// frozen is one checkpoint to be.
type frozen struct {
	head  []byte
	snap  Snapshot
	index uint64
	know  func(point)
}

// Persist implements raft.FSMSnapshot.
func (f *frozen) Persist(sink raft.SnapshotSink) error {
	if s, ok := sink.(interface{ Index() uint64 }); ok { // both of ours do; raft's own transfer need not
		f.know(point{s.Index(), f.index})
	}
	return f.writeTo(sink)
}

func (f *frozen) writeTo(to io.Writer) error {
	if _, err := to.Write(f.head); err != nil {
		return err
	}
	w := bufio.NewWriterSize(to, 64<<10)
	if _, err := f.snap.WriteTo(w); err != nil {
		return err
	}
	return w.Flush()
}

// Release implements raft.FSMSnapshot.
func (f *frozen) Release() { f.snap.Release() }

// Restore implements raft.FSM.
func (m *machine) Restore(rc io.ReadCloser) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.restore = m.readLocked(rc)
	return m.restore
}

// placed is a checkpoint's reader, as our own stores give it.
type placed interface {
	Place() (raftIndex, term uint64)
}

func (m *machine) readLocked(rc io.ReadCloser) error {
	of := rc
	if w, ok := rc.(raft.ReadCloserWrapper); ok { // raft counts what it hands on
		of = w.WrappedReadCloser()
	}
	p, ok := of.(placed)
	if !ok {
		return fmt.Errorf("a checkpoint of %T, not of this journal", of)
	}
	index, term := p.Place()
	return m.takeLocked(rc, index, term)
}

// takeLocked makes a checkpoint's stream the state, as of that raft entry.
func (m *machine) takeLocked(r io.Reader, index, term uint64) error {
	br := bufio.NewReaderSize(r, 64<<10)
	st, err := readState(br)
	if err != nil {
		return err
	}
	if err := m.sm.Restore(br); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, br); err != nil { // the end has a checksum too
		return err
	}
	follows, err := m.follows(index, term)
	if err != nil {
		return err
	}
	m.answers, m.index = st.answers, st.index
	m.at.reset(point{index, st.index}, term, st.time, st.skipped, !follows)
	return nil
}
