package cachefs

import (
	"context"
	"errors"
	"io/fs"
	"sync"
	"time"
)

// Progress is how far a job is: a value that a bar can draw.
type Progress struct {
	Files     int64 // found so far
	FilesDone int64 // of them, done
	Bytes     int64 // of the files found so far
	BytesDone int64
	Skipped   int64   // files that had nothing to do: cached or persisted already
	Failed    int64   // files
	Errors    []error // why, the first 64
	Listed    bool    // all files are found: Files and Bytes are final
	Done      bool    // the job has ended
	Elapsed   time.Duration
	PerSecond float64 // bytes done a second, over the whole time
}

const maxJobErrors = 64

// Job is work on many files that goes on behind: Load, Persist. It ends by itself, by Cancel, or with the context of
// the call that started it. All methods may be called by any number of goroutines.
type Job struct {
	cancel context.CancelCauseFunc
	done   chan struct{}
	began  time.Time
	mu     struct {
		sync.Mutex
		p     Progress
		ended time.Time
		err   error
	}
}

// newJob runs work behind, under ctx and the node's context.
func (n *Node) newJob(ctx context.Context, work func(ctx context.Context, j *Job) error) (*Job, error) {
	ctx, cancel := context.WithCancelCause(withoutOperation(ctx)) // it may go on for long
	j := &Job{cancel: cancel, done: make(chan struct{}), began: time.Now()}
	ok := n.spawn(func(nodeCtx context.Context) {
		stop := context.AfterFunc(nodeCtx, func() { cancel(ErrClosed) })
		defer stop()
		j.end(work(ctx, j))
	})
	if !ok {
		cancel(ErrClosed)
		return nil, ErrClosed
	}
	return j, nil
}

// end ends the job: err, beside what became of single files.
func (j *Job) end(err error) {
	j.mu.Lock()
	errs := append([]error{err}, j.mu.p.Errors...)
	j.mu.Unlock()
	j.ended(errors.Join(errs...))
}

// ended ends the job with all that Wait returns.
func (j *Job) ended(err error) {
	j.mu.Lock()
	j.mu.ended = time.Now()
	j.mu.p.Done = true
	j.mu.err = err
	j.mu.Unlock()
	j.cancel(nil)
	close(j.done)
}

// Progress returns how far the job is.
func (j *Job) Progress() Progress {
	j.mu.Lock()
	defer j.mu.Unlock()
	p := j.mu.p
	p.Errors = append([]error(nil), p.Errors...)
	p.Elapsed = time.Since(j.began)
	if p.Done {
		p.Elapsed = j.mu.ended.Sub(j.began)
	}
	if s := p.Elapsed.Seconds(); s > 0 {
		p.PerSecond = float64(p.BytesDone) / s
	}
	return p
}

// Wait returns when the job has ended: nil if every file is done, else why not, the failed files joined. If ctx ends
// first, the job goes on.
func (j *Job) Wait(ctx context.Context) error {
	select {
	case <-j.done:
		j.mu.Lock()
		defer j.mu.Unlock()
		return j.mu.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Cancel ends the job soon. What is done stays done: the same call later goes on from there.
func (j *Job) Cancel() { j.cancel(ErrCancelled) }

func (j *Job) found(size int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.mu.p.Files++
	j.mu.p.Bytes += size
}

func (j *Job) listed() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.mu.p.Listed = true
}

func (j *Job) bytes(n int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.mu.p.BytesDone += n
}

func (j *Job) fileDone(skipped bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.mu.p.FilesDone++
	if skipped {
		j.mu.p.Skipped++
	}
}

func (j *Job) fileFailed(op, path string, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.mu.p.Failed++
	if len(j.mu.p.Errors) < maxJobErrors {
		j.mu.p.Errors = append(j.mu.p.Errors, &fs.PathError{Op: op, Path: path, Err: err})
	}
}
