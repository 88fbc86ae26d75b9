package cachefs

import (
	"context"
	"fmt"
	"time"
)

// Load is Node.Load, at one of the nodes.
func (c *Client) Load(ctx context.Context, path string, o *LoadOptions) (*Job, error) {
	j, err := runFarJob(ctx, c, "load", pathArgs[LoadOptions]{[]byte(path), deref(o)})
	return j, pathError("load", path, err)
}

// Persist is Node.Persist, at one of the nodes.
func (c *Client) Persist(ctx context.Context, path string, o *PersistOptions) (*Job, error) {
	j, err := runFarJob(ctx, c, "persist", pathArgs[PersistOptions]{[]byte(path), deref(o)})
	return j, pathError("persist", path, err)
}

// runFarJob has a node run a job, and another one start it again when that one is lost: what is done is skipped then.
func runFarJob[A any](ctx context.Context, c *Client, op string, args A) (*Job, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	j := &Job{cancel: cancel, done: make(chan struct{}), began: time.Now()}
	v, _, err := converse[none](ctx, c, op, args, j.told)
	if err != nil {
		cancel(nil)
		return nil, err
	}
	if !c.spawn(func() {
		j.follow(ctx, c, v, func() (*conversation, error) { v, _, err := converse[none](ctx, c, op, args, j.told); return v, err })
	}) {
		v.end(ErrClosed)
		cancel(nil)
		return nil, ErrClosed
	}
	return j, nil
}

// told takes what the node says of a job's progress.
func (j *Job) told(w *wireProgress) {
	p := w.progress()
	p.Done = false // that is end's to say
	j.mu.Lock()
	defer j.mu.Unlock()
	j.mu.p = p
}

// follow waits for the end of a job at a node, and starts it again when the node is lost.
func (j *Job) follow(ctx context.Context, c *Client, v *conversation, again func() (*conversation, error)) {
	for {
		<-v.ended
		if !nodeLost(v.last) {
			j.ended(v.last)
			return
		}
		c.log.Info("a job is started again at another node", "err", v.last)
		next, err := again()
		if err != nil {
			j.ended(fmt.Errorf("%w: %w", v.last, err))
			return
		}
		v = next
	}
}
