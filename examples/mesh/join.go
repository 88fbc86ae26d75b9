package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// hasJoined says that this process is alone, if it is: a node that finds nobody goes on by itself.
func (w *worker) hasJoined(ctx context.Context, addr string) error {
	info, err := w.node.Cluster(ctx)
	if err != nil || len(info.Peers) > 1 {
		return err
	}
	return fmt.Errorf("no mesh at %s that lets this process in; does it run, with -stay, and is %s what it has printed?", addr, secretEnv)
}

// joiner is one more process of a mesh that runs: it counts all files, which come from the others.
func joiner(ctx context.Context, o options, stdout io.Writer) (err error) {
	secret := os.Getenv(secretEnv)
	if secret == "" {
		return fmt.Errorf("%s is empty; set it to the secret of the mesh, which the other process has printed", secretEnv)
	}
	var w worker
	defer func() { err = errors.Join(err, w.close()) }()
	if err := w.open(ctx, order{Secret: secret, Join: o.join, Memory: o.memory}); err != nil {
		return err
	}
	if err := w.hasJoined(ctx, o.join); err != nil {
		return err
	}
	for half := range 2 {
		if err := w.countHalf(ctx, order{Half: half, Of: 1}); err != nil {
			return err
		}
	}
	p := &process{name: "this one", last: w.answer(nil)}
	if w.look(ctx, &p.last); p.last.Err != "" {
		return errors.New(p.last.Err)
	}
	printTable(stdout, []*process{p})
	fmt.Fprintf(stdout, "\n%d words in %d files; %d changes of the others are there\n", p.last.Words, p.last.Files, len(p.last.Changes))
	return nil
}
