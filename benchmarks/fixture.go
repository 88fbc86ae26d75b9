package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/tier"
	_ "github.com/millpond/millpond/ufs/fileufs"
)

const (
	kiB = 1 << 10
	miB = 1 << 20
)

// noise fills p with bytes that no file system or copy can shortcut.
func noise(p []byte) {
	rand.NewChaCha8([32]byte{'m', 'i', 'l', 'l'}).Read(p)
}

// A fixture is one directory of files, seen through a node's memory tier and through os.
type fixture struct {
	node *cachefs.Node
	dir  string
}

// newFixture writes files of the given size into a directory, mounts it and loads all of it into memory.
func newFixture(ctx context.Context, r *report, mem int64, files int, size int64) (*fixture, error) {
	dir, err := os.MkdirTemp(r.dir, "fixture")
	if err != nil {
		return nil, err
	}
	p := make([]byte, size)
	noise(p)
	for i := range files {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("f%06d", i)), p, 0o600); err != nil {
			return nil, err
		}
	}
	n, err := cachefs.Open(ctx, cachefs.Config{
		Tiers:  []tier.Config{{Kind: tier.Memory, Size: mem}},
		Mounts: []cachefs.MountConfig{{Path: "/m", URL: "file://" + dir}},
	})
	if err != nil {
		return nil, err
	}
	f := &fixture{node: n, dir: dir}
	job, err := n.Load(ctx, "/m", nil)
	if err == nil {
		err = job.Wait(ctx)
	}
	if err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

func (f *fixture) close() {
	f.node.Close()
	os.RemoveAll(f.dir)
}

func (f *fixture) name(i int) string { return fmt.Sprintf("/m/f%06d", i) }

func (f *fixture) osName(i int) string { return filepath.Join(f.dir, fmt.Sprintf("f%06d", i)) }

// both opens file i through the node and through os.
func (f *fixture) both(ctx context.Context, i int) (*cachefs.File, *os.File, error) {
	ours, err := f.node.Open(ctx, f.name(i), nil)
	if err != nil {
		return nil, nil, err
	}
	theirs, err := os.Open(f.osName(i))
	if err != nil {
		ours.Close()
		return nil, nil, err
	}
	return ours, theirs, nil
}
