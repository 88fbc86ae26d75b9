package journal

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/millpond/millpond/journal/internal/stable"
	"github.com/millpond/millpond/journal/internal/transport"
)

// Journal is one node's replica of the log. Safe for concurrent use.
type Journal struct {
	cfg   Config
	log   *slog.Logger
	raft  *raft.Raft
	trans transporter
	mesh  *mesh // nil alone
	store *logStore
	snaps checkpoints
	state stable.Store
	lock  io.Closer // nil in memory
	node  string
	m     *machine

	history transport.Cluster // alone: its name, if it needs one
	at      progress
	queue   queue
	lead    leadership
	ckpt    checkpointer
	counts  counters

	closing chan struct{} // closed when Close begins
	closed  chan struct{} // closed when nothing is left
	once    sync.Once
	closeMu struct {
		sync.Mutex
		err error
	}
	stopped struct {
		sync.Mutex
		err  error
		done chan struct{} // closed with err
	}
}

// transporter reaches the other nodes, and lets this one stand for election without a timer.
type transporter interface {
	raft.Transport
	Elect()
}

// checkpoints is a raft.SnapshotStore that says what the log must keep.
type checkpoints interface {
	raft.SnapshotStore
	Needed() uint64
	Last() (index uint64, size int64)
	Problems() []error
	Clear() error // deletes them all
}

// NodeID is this node's name, which stays the same over restarts of a journal with a directory.
func (j *Journal) NodeID() string { return j.node }

// Index is the last change applied here.
func (j *Journal) Index() uint64 {
	at, _ := j.at.now()
	return at.index
}

// Time is the last applied entry's, ns since 1970; 0 before the first one.
func (j *Journal) Time() int64 {
	_, now := j.at.now()
	return now
}

// Unwritable is for how long the log has taken no entries, see Events.Unwritable; 0 while it does. Meanwhile this node does not follow
// what others are told: a change through it may be made, and is not answered.
func (j *Journal) Unwritable() time.Duration { return j.store.unwritten() }

// unwritable tells of a log that ceased to take entries, or with nil that it takes them again.
func (j *Journal) unwritable(err error) {
	if err != nil {
		j.log.Warn("the log cannot be written", "error", err)
	} else {
		j.log.Info("the log can be written again")
	}
	if j.cfg.Events.Unwritable != nil {
		j.cfg.Events.Unwritable(err)
	}
}

// stop ends the node for a reason that it cannot mend: every later call names it.
func (j *Journal) stop(err error) {
	j.stopped.Lock()
	first := j.stopped.err == nil
	if first {
		j.stopped.err = &StoppedError{err}
		close(j.stopped.done)
	}
	j.stopped.Unlock()
	if !first {
		return
	}
	j.lead.lose()
	j.log.Error("journal stopped", "error", err)
	if j.cfg.Events.Stopped != nil {
		j.cfg.Events.Stopped(err)
	}
}

// err is why nothing can be done any more, or nil.
func (j *Journal) err() error {
	j.stopped.Lock()
	err := j.stopped.err
	j.stopped.Unlock()
	if err != nil {
		return err
	}
	select {
	case <-j.closing:
		return ErrClosed
	default:
		return nil
	}
}

// Close hands the node's vote over, if it has one and there is another node to take it, waits for what is in flight, makes a checkpoint
// if there is much to replay, and ends every goroutine. It may be called any number of times. If ctx ends first its error is
// returned while closing goes on, without handing over: call again to wait for it.
func (j *Journal) Close(ctx context.Context) error {
	j.once.Do(func() {
		if j.mesh == nil && j.cfg.Last == nil {
			close(j.closing)
			go j.tearDown(nil)
			return
		}
		go func() {
			err := j.goAway(ctx)
			close(j.closing)
			j.tearDown(err)
		}()
	})
	select {
	case <-j.closed:
	default:
		select {
		case <-j.closed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	j.closeMu.Lock()
	defer j.closeMu.Unlock()
	return j.closeMu.err
}

// goAway hands over to others, or does what the last one has to. A node that knows another one to lead
// is not the last, however late that one answers.
func (j *Journal) goAway(ctx context.Context) error {
	if j.mesh != nil {
		if j.mesh.handOver(ctx) {
			return nil
		}
		j.mesh.takeAlong()
	}
	if j.cfg.Last == nil || j.err() != nil {
		return nil
	}
	if id := j.PrimaryID(); id != "" && id != j.node {
		return nil
	}
	return j.cfg.Last(ctx)
}

// tearDown ends in order: raft loses futures that it has not answered when it shuts down, so whoever waits for one goes first.
func (j *Journal) tearDown(err error) {
	errs := []error{err}
	j.queue.close()
	j.queue.wait()
	errs = append(errs, j.ckpt.finish(j))
	j.lead.finish()
	if j.mesh != nil {
		j.mesh.stop()
	}
	errs = append(errs, j.raft.Shutdown().Error(), j.release())
	j.closeMu.Lock()
	j.closeMu.err = errors.Join(errs...)
	j.closeMu.Unlock()
	close(j.closed)
}

// release closes what Open opened.
func (j *Journal) release() error {
	var errs []error
	if j.store != nil {
		errs = append(errs, j.store.close())
	}
	if j.state != nil {
		errs = append(errs, j.state.Close())
	}
	if j.lock != nil {
		errs = append(errs, j.lock.Close())
	}
	return errors.Join(errs...)
}
