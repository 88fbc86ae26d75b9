package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/examples/internal/progress"
	"github.com/millpond/millpond/tier"
	"github.com/millpond/millpond/ufs"
)

// job is one run, from an input to an output that it finds empty.
type job struct {
	node    *cachefs.Node
	in, out *ufs.Store
	workers int
	profile *profile // from its step on
	stdout  io.Writer
	stderr  io.Writer // a terminal sees the progress here
}

// runJob opens a node over the two places and takes the steps. The node has no Dir: what a crash ends begins anew, so nothing of
// it needs to outlive the process.
func runJob(ctx context.Context, in, out *ufs.Store, o options, stdout, stderr io.Writer) (err error) {
	if err := mustBeEmpty(ctx, out); err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "millpond-etl-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	node, err := cachefs.Open(ctx, cachefs.Config{
		Tiers: []tier.Config{
			{Kind: tier.Memory, Size: o.memory},
			{Kind: tier.SSD, Size: o.disk, Dirs: []tier.Dir{{Path: scratch}}},
		},
		Mounts: []cachefs.MountConfig{
			{Path: "/in", Store: in, ReadOnly: true},
			{Path: "/out", Store: out},
		},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, node.Close()) }()
	j := &job{node: node, in: in, out: out, workers: o.workers, stdout: stdout, stderr: stderr}
	return j.steps(ctx)
}

// mustBeEmpty refuses to write among files that somebody has.
func mustBeEmpty(ctx context.Context, s *ufs.Store) error {
	for a, err := range s.List(ctx, ufs.ListOptions{Recursive: true, Limit: 1}) {
		if err != nil {
			return err
		}
		return fmt.Errorf("%s has %s already; give a place that is empty", s.ID(), a.Key)
	}
	return nil
}

// steps takes one step after the other, and reports what it said, how long it took, and what it asked of the two places.
func (j *job) steps(ctx context.Context) error {
	for _, step := range []struct {
		name string
		do   func(ctx context.Context) (said string, err error)
	}{
		{"profile", j.profileInput}, {"transform", j.shuffle}, {"write", j.write}, {"persist", j.persist}, {"check", j.check},
	} {
		in, out, began := calls(j.in), calls(j.out), time.Now()
		said, err := step.do(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		fmt.Fprintf(j.stdout, "%-9s  %6.2f s  calls to the input %3d, to the output %3d  %s\n",
			step.name, time.Since(began).Seconds(), calls(j.in)-in, calls(j.out)-out, said)
	}
	return nil
}

// calls is how often a store was asked since it was opened.
func calls(s *ufs.Store) (n int64) {
	for _, c := range s.Metrics().Calls {
		n += c.Calls
	}
	return n
}

// eachInput hands the orders of each file of the input to do, several files at a time.
func (j *job) eachInput(ctx context.Context, do func(orders iter.Seq2[order, error]) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(j.workers)
	for info, err := range j.node.List(ctx, "/in", &cachefs.ListOptions{Recursive: true}) {
		if err != nil {
			return errors.Join(err, g.Wait())
		}
		if info.IsDir() {
			continue
		}
		g.Go(func() error {
			f, err := j.node.Open(ctx, info.Path(), nil)
			if err != nil {
				return err
			}
			defer f.Close()
			return do(decode(info.Path(), f))
		})
	}
	return g.Wait()
}

// persist waits until the bucket has all of the output. It never gives up by itself: ctx ends it.
func (j *job) persist(ctx context.Context) (string, error) {
	work, err := j.node.Persist(ctx, "/out", nil)
	if err != nil {
		return "", err
	}
	stop := progress.Line(j.stderr, func() string { return bar(work.Progress()) })
	err = work.Wait(ctx)
	stop()
	return bar(work.Progress()), err
}

func bar(p cachefs.Progress) string {
	return fmt.Sprintf("%s %d of %d files, %.1f MB", progress.Bar(p.BytesDone, p.Bytes, 30), p.FilesDone, p.Files, mb(p.BytesDone))
}

func mb(n int64) float64 { return float64(n) / 1e6 }
