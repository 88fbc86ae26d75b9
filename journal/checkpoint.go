package journal

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

// checkpointer makes checkpoints, one at a time.
type checkpointer struct {
	ask  chan chan error
	kick chan struct{} // capacity 1
	quit chan struct{}
	done sync.WaitGroup

	entries atomic.Uint64 // applied since the last checkpoint
	bytes   atomic.Int64
}

func (c *checkpointer) init() {
	c.ask, c.kick, c.quit = make(chan chan error), make(chan struct{}, 1), make(chan struct{})
}

func (c *checkpointer) start(j *Journal) { c.done.Go(func() { c.run(j) }) }

func (c *checkpointer) run(j *Journal) {
	for {
		select {
		case <-c.quit:
			return
		case reply := <-c.ask:
			reply <- c.make(j)
		case <-c.kick:
			if c.due(j) {
				_ = c.make(j) // the event and the log tell; the next entries ask again
			}
		}
	}
}

// finish ends run, with a last checkpoint if the next Open would have much to replay.
func (c *checkpointer) finish(j *Journal) error {
	close(c.quit)
	c.done.Wait()
	// A twentieth of what a running node leaves: 12,500 changes replay in tens of milliseconds.
	if j.cfg.Dir == "" || j.stoppedErr() != nil || c.entries.Load() < max(j.cfg.CheckpointEvery/20, 1) {
		return nil
	}
	err := c.make(j)
	if behindVoters(err) { // a change behind them may have been applied just now
		err = c.make(j)
	}
	if behindVoters(err) {
		return nil
	}
	return err
}

// behindVoters reports whether raft made no checkpoint since the voters have changed behind the last change that is applied: until
// there is one more it makes none. It has no error of its own for that.
func behindVoters(err error) bool {
	return err != nil && strings.Contains(err.Error(), "cannot take snapshot now")
}

// due says whether it is time: enough changes or bytes, and not so few that a large state would be written over and over.
func (c *checkpointer) due(j *Journal) bool {
	n, bytes := c.entries.Load(), c.bytes.Load()
	if n < j.cfg.CheckpointEvery && bytes < j.cfg.CheckpointBytes {
		return false
	}
	_, size := j.snaps.Last()
	return size < 16<<20 || bytes >= size/4
}

// applied counts towards the next checkpoint.
func (j *Journal) applied(n, bytes int) {
	j.ckpt.entries.Add(uint64(n))
	j.ckpt.bytes.Add(int64(bytes))
	if j.ckpt.due(j) {
		select {
		case j.ckpt.kick <- struct{}{}:
		default:
		}
	}
}

func (c *checkpointer) make(j *Journal) error {
	began := time.Now()
	n, bytes := c.entries.Load(), c.bytes.Load()
	err := j.raft.Snapshot().Error()
	if errors.Is(err, raft.ErrNothingNewToSnapshot) {
		return nil
	}
	index, size := uint64(0), int64(0)
	if err == nil {
		c.entries.Add(-n)
		c.bytes.Add(-bytes)
		index, size = j.snaps.Last()
		index = j.at.changeAt(index)
		j.counts.checkpoints.Add(1)
	} else {
		err = fmt.Errorf("checkpoint: %w", err)
		j.log.Warn("no checkpoint", "error", err)
	}
	if j.cfg.Events.Checkpoint != nil {
		j.cfg.Events.Checkpoint(CheckpointInfo{Index: index, Bytes: size, Duration: time.Since(began), Err: err})
	}
	return err
}

// Checkpoint writes the state as it is now and drops the log that no kept checkpoint needs. Changes go on meanwhile.
func (j *Journal) Checkpoint(ctx context.Context) error {
	if err := j.err(); err != nil {
		return err
	}
	reply := make(chan error, 1)
	select {
	case j.ckpt.ask <- reply:
	case <-j.closing:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-reply:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (j *Journal) stoppedErr() error {
	j.stopped.Lock()
	defer j.stopped.Unlock()
	return j.stopped.err
}
