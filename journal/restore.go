package journal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/hashicorp/raft"

	"github.com/millpond/millpond/journal/internal/memlog"
	"github.com/millpond/millpond/journal/internal/snap"
)

// restoredAt is the raft index, and the term, of what a new history begins with: where its first entry would be.
const restoredAt = 1

// restoreBackup has Config.Restore begin this node's new history. restored is false if it had nothing to begin it with.
func (j *Journal) restoreBackup(ctx context.Context, first *raft.Log, conf raft.Configuration) (restored bool, err error) {
	if j.cfg.Restore == nil {
		return false, nil
	}
	var last error // of restore: in memory there may be a part of a stream that was not taken
	err = j.cfg.Restore(ctx, j.History(), func(r io.Reader) error {
		last = j.restoreFrom(r, first, conf)
		restored = restored || last == nil
		return last
	})
	if err == nil && last != nil {
		err = fmt.Errorf("the last one was not taken: %w", last)
	}
	return restored, err
}

func (j *Journal) restoreFrom(r io.Reader, first *raft.Log, conf raft.Configuration) error {
	in, err := snap.Decode(bufio.NewReaderSize(r, 64<<10), "backup")
	if err != nil {
		return err
	}
	if m, ok := j.snaps.(*memlog.Checkpoints); ok && !m.Keep {
		return j.restoreMemory(in, first)
	}
	return j.restoreCheckpoint(in, conf)
}

// restoreCheckpoint makes a backup the checkpoint that raft starts from, and others get.
func (j *Journal) restoreCheckpoint(in io.Reader, conf raft.Configuration) error {
	sink, err := j.snaps.Create(raft.SnapshotVersionMax, restoredAt, restoredAt, conf, restoredAt, nil)
	if err != nil {
		return err
	}
	if _, err := io.Copy(sink, in); err != nil {
		return errors.Join(err, sink.Cancel())
	}
	return sink.Close()
}

// restoreMemory makes a backup the state of a journal that keeps no checkpoint.
func (j *Journal) restoreMemory(in io.Reader, first *raft.Log) error {
	if err := j.storeFirst(first); err != nil {
		return err
	}
	j.m.mu.Lock()
	defer j.m.mu.Unlock()
	return j.m.takeLocked(in, restoredAt, restoredAt)
}

// storeFirst stores a log's first entry, once.
func (j *Journal) storeFirst(first *raft.Log) error {
	if last, err := j.store.LastIndex(); err != nil || last > 0 {
		return err
	}
	return j.store.StoreLogs([]*raft.Log{first})
}
