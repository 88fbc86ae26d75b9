package journal

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/hashicorp/raft"

	"github.com/millpond/millpond/journal/internal/memlog"
	"github.com/millpond/millpond/journal/internal/snap"
)

// Backup writes the state as it is now, sessions and their answers with it, and returns the last change in it: all that was
// acknowledged anywhere before the call. Config.Restore begins another journal with it. Only the primary can: ErrNoPrimary. Changes
// go on meanwhile; what they change before it is written is held in memory, as for a checkpoint. It fails at the next write once ctx
// has ended; a w that waits is to end with ctx by itself.
//
// The stream is a checkpoint's file, drawn in internal/snap: whoever reads it knows whether it is whole.
func (j *Journal) Backup(ctx context.Context, w io.Writer) (index uint64, err error) {
	if err := j.err(); err != nil {
		return 0, err
	}
	led := j.PrimaryContext()
	if led.Err() != nil {
		return 0, fmt.Errorf("%w here: node %q leads", ErrNoPrimary, j.PrimaryID())
	}
	if err := j.Barrier(ctx); err != nil {
		return 0, err
	}
	f, err := j.m.freeze()
	if err != nil {
		return 0, err
	}
	defer f.Release()
	if led.Err() != nil { // another one acknowledges by now
		return 0, fmt.Errorf("%w here any more", ErrNoPrimary)
	}
	out, err := snap.Encode(&ending{w, ctx}, restoredAt, restoredAt)
	if err == nil {
		err = f.writeTo(out)
	}
	if err == nil {
		err = out.End()
	}
	return f.index, err
}

// ending is a writer that ends with a context.
type ending struct {
	w   io.Writer
	ctx context.Context
}

func (e *ending) Write(p []byte) (int, error) {
	if e.ctx.Err() != nil {
		return 0, context.Cause(e.ctx)
	}
	return e.w.Write(p)
}

// History is the name of this journal's history, 32 hex digits: the same on all nodes, kept in Dir, and another after Recover. A
// journal without Peers and without Config.Restore has none.
func (j *Journal) History() string {
	c := j.history
	if j.mesh != nil {
		_, c = j.mesh.is()
	}
	if c == none {
		return ""
	}
	return hex.EncodeToString(c[:])
}

// nameHistory gives the history of a journal that is alone its name, for it to keep should it meet others.
func (j *Journal) nameHistory() error {
	alone := &mesh{j: j}
	c, member, err := alone.remembered()
	if err == nil && !member {
		alone.founder, c = true, newCluster()
		err = alone.remember(c)
	}
	if err == nil && alone.founder {
		_, err = alone.isFresh()
	}
	j.history = c
	return err
}

// restoredAt is the raft index, and the term, of what a new history begins with: where its first entry would be.
const restoredAt = 1

// restoreBackup has Config.Restore begin this node's new history. restored is false if there was nothing to begin it with.
func (j *Journal) restoreBackup(ctx context.Context, first *raft.Log, conf raft.Configuration) (restored bool, err error) {
	if j.cfg.Restore == nil {
		return false, nil
	}
	err = j.cfg.Restore(ctx, j.History(), func(r io.Reader) error {
		in, err := snap.Decode(bufio.NewReaderSize(r, 64<<10), "backup")
		if err != nil {
			return err
		}
		if m, ok := j.snaps.(*memlog.Checkpoints); ok && !m.Keep {
			err = j.restoreMemory(in, first)
		} else {
			err = j.restoreCheckpoint(in, conf)
		}
		restored = restored || err == nil
		return err
	})
	return restored, err
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
