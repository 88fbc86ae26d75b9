package journal

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/hashicorp/raft"

	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/journal/internal/batch"
	"github.com/millpond/millpond/journal/internal/seglog"
	"github.com/millpond/millpond/journal/internal/snap"
	"github.com/millpond/millpond/journal/internal/stable"
)

// Report is what Check found.
type Report struct {
	Node        string
	FirstRaft   uint64 // first raft entry in the log, 0 if there is none
	LastRaft    uint64
	Changes     uint64 // commands in the log, retries included
	Torn        int64  // bytes behind the last entry that the next Open cuts off
	Checkpoints []CheckpointReport
	// Problems are what does not check, each naming file and offset. A journal with none opens, and so does one whose only problem is
	// a checkpoint that is not the oldest.
	Problems []error
}

// CheckpointReport is one checkpoint that checks.
type CheckpointReport struct {
	RaftIndex uint64
	Index     uint64 // last change in it
	Time      int64  // of that change
	Bytes     int64
	Sessions  int
}

// Check reads every byte of the journal in dir and changes nothing but the lock file. It fails where it cannot look:
// in use, not there. What is damaged is in the report.
func Check(dir string) (Report, error) {
	var r Report
	err := inspect(dir, func(logs []seglog.File, snaps *snap.Store) error {
		for _, f := range logs {
			r.addFile(f)
		}
		return r.addCheckpoints(snaps)
	}, &r)
	return r, err
}

// inspect opens a journal for looking at it.
func inspect(dir string, f func([]seglog.File, *snap.Store) error, r *Report) error {
	if _, err := vfs.OS.Stat(filepath.Join(dir, "log")); err != nil {
		return fmt.Errorf("no journal here: %w", err)
	}
	lock, err := vfs.OS.Lock(filepath.Join(dir, "LOCK"))
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	state, err := stable.Open(vfs.OS, dir, false)
	if err != nil {
		r.Problems = append(r.Problems, err)
	} else {
		node, _, err := state.Get(keyNode)
		r.Node = string(node)
		if err := errors.Join(err, state.Close()); err != nil {
			r.Problems = append(r.Problems, err)
		}
	}
	logs, err := seglog.Inspect(vfs.OS, filepath.Join(dir, "log"))
	if err != nil {
		return err
	}
	snaps, err := snap.Open(vfs.OS, filepath.Join(dir, "checkpoints"), snap.Options{})
	if err != nil {
		return err
	}
	return f(logs, snaps)
}

func (r *Report) addFile(f seglog.File) {
	r.Torn += f.Torn
	if f.Err != nil {
		r.Problems = append(r.Problems, f.Err)
	}
	for i := range f.Entries {
		l := &f.Entries[i]
		if r.FirstRaft == 0 {
			r.FirstRaft = l.Index
		}
		r.LastRaft = l.Index
		if l.Type != raft.LogCommand {
			continue
		}
		cmds, _, err := batch.Decode(nil, l.Data)
		if err != nil {
			r.Problems = append(r.Problems, fmt.Errorf("%s: raft entry %d: %w", f.Name, l.Index, err))
		}
		r.Changes += uint64(len(cmds))
	}
}

func (r *Report) addCheckpoints(snaps *snap.Store) error {
	list, err := snaps.List()
	if err != nil {
		return err
	}
	for _, m := range list {
		if c, err := checkCheckpoint(snaps, m); err != nil {
			r.Problems = append(r.Problems, err)
		} else {
			r.Checkpoints = append(r.Checkpoints, c)
		}
	}
	for _, err := range snaps.Problems() {
		if !contains(r.Problems, err) {
			r.Problems = append(r.Problems, err)
		}
	}
	return nil
}

func contains(list []error, err error) bool {
	for _, e := range list {
		if errors.Is(e, err) {
			return true
		}
	}
	return false
}

func checkCheckpoint(snaps *snap.Store, m *raft.SnapshotMeta) (CheckpointReport, error) {
	_, rc, err := snaps.Open(m.ID)
	if err != nil {
		return CheckpointReport{}, err
	}
	defer func() { _ = rc.Close() }()
	br := bufio.NewReader(rc)
	st, err := readState(br)
	if err == nil {
		_, err = io.Copy(io.Discard, br)
	}
	if err != nil {
		return CheckpointReport{}, err
	}
	return CheckpointReport{
		RaftIndex: m.Index, Index: st.index, Time: st.time, Bytes: m.Size, Sessions: len(st.answers.sessions),
	}, nil
}
