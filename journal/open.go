package journal

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/hashicorp/raft"

	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/journal/internal/memlog"
	"github.com/millpond/millpond/journal/internal/seglog"
	"github.com/millpond/millpond/journal/internal/snap"
	"github.com/millpond/millpond/journal/internal/stable"
)

// patience is how long nothing may be heard of the primary. 350 ms: a pause of 200 ms for garbage or a disk, and a heartbeat's
// interval before it, do not cost the leadership; 150 ms did. A killed primary is replaced within three times as much.
const patience = 350 * time.Millisecond

const (
	keyNode  = "node/id"
	keyBegun = "node/begun" // the log has had what is not dropped: one that is empty now has been lost
)

// Open opens the journal, or begins one, restores sm from the newest checkpoint that checks and applies the log behind it. When it
// returns this node, being alone, is the primary. ctx bounds Open alone.
func Open(ctx context.Context, cfg Config, sm StateMachine) (*Journal, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	j := &Journal{cfg: cfg, log: cfg.Logger, closing: make(chan struct{}), closed: make(chan struct{})}
	j.stopped.done = make(chan struct{})
	j.m = &machine{sm: sm, level: cfg.Level, answers: newAnswers(), at: &j.at, stop: j.stop, applied: j.applied}
	j.m.follows = func(index, term uint64) (bool, error) { return j.store.follows(index, term) }
	j.queue.init()
	j.ckpt.init()
	if err := j.openStores(); err != nil {
		return nil, errors.Join(err, j.release())
	}
	if err := j.enter(ctx); err != nil {
		return nil, errors.Join(err, j.release())
	}
	if err := j.startRaft(ctx); err != nil {
		return nil, errors.Join(err, j.leave(), j.release())
	}
	j.start()
	if err := j.settle(ctx); err != nil {
		j.cfg.Last = nil // nothing has been done here that somebody would miss
		return nil, errors.Join(err, j.Close(context.WithoutCancel(ctx)))
	}
	return j, nil
}

func (j *Journal) openStores() (err error) {
	if err := j.openState(); err != nil {
		return err
	}
	if j.cfg.Dir == "" {
		j.snaps = &memlog.Checkpoints{Keep: j.cfg.Peers != nil}
		j.store = newLogStore(&memlog.Log{}, j)
		return nil
	}
	logs, ckpts := filepath.Join(j.cfg.Dir, "log"), filepath.Join(j.cfg.Dir, "checkpoints")
	if err := makeDirs(j.cfg.FS, j.cfg.Dir, logs, ckpts); err != nil {
		return err
	}
	if j.snaps, err = snap.Open(j.cfg.FS, ckpts, snap.Options{Kept: j.cfg.CheckpointsKept, NoSync: j.cfg.NoSync}); err != nil {
		return err
	}
	log, err := seglog.Open(j.cfg.FS, logs, seglog.Options{SegmentSize: j.cfg.SegmentSize, NoSync: j.cfg.NoSync})
	if err != nil {
		return err
	}
	j.store = newLogStore(log, j)
	return nil
}

// makeDirs makes the directories and their names durable.
func makeDirs(fsys vfs.FS, dir string, below ...string) error {
	for _, d := range append([]string{dir}, below...) {
		if err := vfs.MkdirAll(fsys, d, 0o700); err != nil {
			return err
		}
	}
	if err := fsys.SyncDir(dir); err != nil {
		return err
	}
	return fsys.SyncDir(filepath.Dir(dir))
}

// startRaft begins a new log if there is none, and starts raft, which restores a checkpoint.
func (j *Journal) startRaft(ctx context.Context) error {
	if err := j.begin(ctx); err != nil {
		return err
	}
	if err := j.knowCheckpoints(); err != nil {
		return err
	}
	if err := j.newRaft(); err != nil {
		return errors.Join(append([]error{err, j.store.readErr(), j.m.restore}, j.snaps.Problems()...)...)
	}
	if j.mesh != nil {
		if err := j.mesh.begun(); err != nil {
			return errors.Join(err, j.raft.Shutdown().Error())
		}
	}
	for _, err := range j.snaps.Problems() {
		j.log.Warn("checkpoint left out", "error", err)
	}
	return nil
}

// newRaft starts raft. It panics at entries that it cannot read, here in our goroutine.
func (j *Journal) newRaft() (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("raft: %v", p)
		}
	}()
	c := raft.DefaultConfig()
	c.LocalID = raft.ServerID(j.node)
	c.Logger = newRaftLogger(j.cfg.Logger)
	// Alone the first election needs no timer: see leadership.
	c.HeartbeatTimeout, c.ElectionTimeout, c.LeaderLeaseTimeout = patience, patience, patience
	// Commands are batched before raft, so its channel needs no buffer; a buffered future is lost by a shutdown.
	c.BatchApplyCh = false
	c.MaxAppendEntries = 64                                       // batches: more than that is megabytes in one message
	c.TrailingLogs = 0                                            // logStore keeps what the older checkpoints need
	c.SnapshotInterval, c.SnapshotThreshold = 24*time.Hour, 1<<62 // the checkpointer decides
	c.PreVoteDisabled = j.mesh == nil                             // there is nobody to ask
	c.ShutdownOnRemove = false                                    // it may be taken in again
	c.NoLegacyTelemetry = true
	c.NotifyCh = j.lead.init()
	term := stable.Raft{Store: j.state, OnLost: func(err error) { j.store.breaks(err); j.stop(err) }, OnFull: j.store.awaitRoom}
	j.raft, err = raft.NewRaft(c, j.m, j.store, term, j.snaps, j.trans)
	j.store.running.Store(err == nil)
	return err
}

// begin writes the first entry, unless others have: a configuration whose one voter is this node. Where there is a backup to begin
// with, a checkpoint stands for that entry.
func (j *Journal) begin(ctx context.Context) error {
	last, err := j.store.LastIndex()
	if err != nil {
		return err
	}
	newest, follows := uint64(0), false
	if list, err := j.snaps.List(); err == nil && len(list) > 0 {
		newest = list[0].Index
		if follows, err = j.store.follows(newest, list[0].Term); err != nil { // what cannot be read is not to be cleared
			return err
		}
	}
	_, begun, err := j.state.Get(keyBegun)
	switch {
	case err != nil:
		return err
	case last == 0 && newest == 0 && begun:
		err := fmt.Errorf("journal %s: the log is gone, and no checkpoint can be read", j.cfg.Dir)
		return errors.Join(append([]error{err}, j.snaps.Problems()...)...)
	case last == 0 && !begun && newest <= restoredAt && j.cfg.Restore != nil && (j.mesh == nil || j.mesh.founder): // a checkpoint is a restore that was cut off
		return j.beginNew(ctx)
	case newest > 0 && !follows:
		// Without syncs a crash may take the log's end and leave the checkpoint: what is in the log is in it too. Or it came
		// from another node.
		return j.store.clear()
	case begun:
		return nil
	case last > 0 || newest > 0: // a crash came between the first entry and this
		return j.state.Put(keyBegun, []byte{1})
	case j.mesh != nil && !j.mesh.founder: // the entries come from the others
		return nil
	}
	return j.beginNew(ctx)
}

// beginNew makes what a new history begins with. In a mesh it begins when the others hear of it: mesh.begun.
func (j *Journal) beginNew(ctx context.Context) error {
	conf := raft.Configuration{Servers: []raft.Server{{
		Suffrage: raft.Voter, ID: raft.ServerID(j.node), Address: raft.ServerAddress(j.node),
	}}}
	first := &raft.Log{Index: 1, Term: 1, Type: raft.LogConfiguration, Data: raft.EncodeConfiguration(conf)}
	restored, err := j.restoreBackup(ctx, first, conf)
	if err != nil { // the one checkpoint that there may be is of this restore, or of one that was cut off: nobody has been told of either
		return errors.Join(fmt.Errorf("restoring a backup: %w", err), j.snaps.Clear())
	}
	if !restored {
		if err := j.storeFirst(first); err != nil {
			return err
		}
	}
	if j.mesh != nil {
		return nil
	}
	return j.state.Put(keyBegun, []byte{1})
}

// knowCheckpoints learns where in the numbering of changes each checkpoint lies.
func (j *Journal) knowCheckpoints() error {
	first, err := j.store.FirstIndex()
	if err != nil {
		return err
	}
	list, err := j.snaps.List()
	if err != nil {
		return err
	}
	switch {
	case j.m.index > 0: // restored to memory: the log begins behind it
		j.at.know(point{restoredAt, j.m.index})
	case first == 1 || first == 0 && len(list) == 0:
		j.at.know(point{})
	}
	for _, m := range list {
		_, r, err := j.snaps.Open(m.ID)
		if err != nil {
			continue // it is in Problems now
		}
		if st, _, _, err := readPrologue(r); err == nil && first <= m.Index+1 {
			j.at.know(point{m.Index, st.index})
		}
		_ = r.Close()
	}
	return nil
}

// start starts this journal's own goroutines.
func (j *Journal) start() {
	j.ckpt.start(j)
	j.queue.start(j)
	j.lead.start(j)
	if j.mesh != nil {
		j.mesh.start()
	}
}
