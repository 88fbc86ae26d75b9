package cachefs

import (
	"context"
	"time"
)

// progressTime is how often a Client is told how far its job is.
const progressTime = 250 * time.Millisecond

// wireProgress is a Progress on its way.
type wireProgress struct {
	Progress Progress // without Errors
	Errors   []*wireError
}

func progressToWire(p Progress) *wireProgress {
	w := &wireProgress{Progress: p}
	for _, err := range p.Errors {
		w.Errors = append(w.Errors, errorToWire(err))
	}
	w.Progress.Errors = nil
	return w
}

func (w *wireProgress) progress() Progress {
	p := w.Progress
	for _, e := range w.Errors {
		p.Errors = append(p.Errors, e.error())
	}
	return p
}

func (s *clientStream) load() {
	runJob(s, func(ctx context.Context, a pathArgs[LoadOptions]) (*Job, error) {
		return s.n.Load(ctx, string(a.Path), &a.Opts)
	})
}

func (s *clientStream) persist() {
	runJob(s, func(ctx context.Context, a pathArgs[PersistOptions]) (*Job, error) {
		return s.n.Persist(ctx, string(a.Path), &a.Opts)
	})
}

// runJob starts a job for a Client and tells it how far it is. The job ends with the stream.
func runJob[A any](s *clientStream, start func(ctx context.Context, a A) (*Job, error)) {
	ctx, args, end, err := beginClientStream[A](s)
	defer end()
	var j *Job
	if err == nil {
		j, err = start(ctx, args)
	}
	if err == nil {
		err = s.say(frameReady, replyTo(s.n, none{}, nil))
	}
	if err == nil {
		err = s.follow(ctx, j)
	}
	s.end(err)
}

// follow tells of a job until it ends. The job's own context ends it when the stream does.
func (s *clientStream) follow(ctx context.Context, j *Job) error {
	tick := time.NewTicker(progressTime)
	defer tick.Stop()
	for {
		select {
		case <-j.done:
			_ = s.say(frameProgress, progressToWire(j.Progress())) // who does not hear it has gone
			return j.Wait(context.WithoutCancel(ctx))
		case <-tick.C:
			_ = s.say(frameProgress, progressToWire(j.Progress()))
		}
	}
}
