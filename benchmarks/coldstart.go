package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/journal"
)

// coldStart is how long a node takes from Open to its first answer: empty, and with the namespaces of earlier runs.
func coldStart(r *report) error {
	ctx := context.Background()
	var zero []float64
	for range r.rounds {
		start := time.Now()
		n, err := cachefs.Open(ctx, cachefs.Config{})
		if err != nil {
			return err
		}
		zero = append(zero, float64(time.Since(start).Microseconds())/1000)
		if err := n.Close(); err != nil {
			return err
		}
	}
	r.line("Open of the zero Config, ms", fmt.Sprintf("%.2f", median(zero)), "20", atMost(20), zero...)
	if err := firstStat(ctx, r, 1_000_000, 1); err != nil {
		return err
	}
	return firstStat(ctx, r, treeFiles, 8)
}

// firstStat opens a node whose journal has a checkpoint of so many files, and asks for one of them.
func firstStat(ctx context.Context, r *report, files int, want float64) error {
	dir, err := os.MkdirTemp(r.dir, "cold")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := knownFiles(ctx, dir, files); err != nil {
		return err
	}
	var secs []float64
	for range r.rounds {
		start := time.Now()
		n, err := cachefs.Open(ctx, coldConfig(dir))
		if err != nil {
			return err
		}
		_, err = n.Stat(ctx, treePath(files/2), nil)
		secs = append(secs, time.Since(start).Seconds())
		if cerr := n.Close(); err != nil || cerr != nil {
			return errors.Join(err, cerr)
		}
	}
	r.line(fmt.Sprintf("first Stat after Open with %d million files, s", files/1_000_000), fmt.Sprintf("%.2f", median(secs)), fmt.Sprint(want), atMost(want), secs...)
	return nil
}

func coldConfig(dir string) cachefs.Config {
	return cachefs.Config{Dir: filepath.Join(dir, "node"), Mounts: []cachefs.MountConfig{{Path: "/m", URL: "file://" + filepath.Join(dir, "store"), Sync: cachefs.SyncNever}}}
}

// knownFiles makes a node's directory as it is after that many files were found in its mount: mounted by a node, told to its
// journal as a node tells it, and left in a checkpoint.
func knownFiles(ctx context.Context, dir string, files int) error {
	if err := os.Mkdir(filepath.Join(dir, "store"), 0o700); err != nil {
		return err
	}
	n, err := cachefs.Open(ctx, coldConfig(dir))
	if err != nil {
		return err
	}
	if err := n.Close(); err != nil {
		return err
	}
	m := &treeMachine{namespace.New()}
	j, err := journal.Open(ctx, journal.Config{Dir: filepath.Join(dir, "node", "journal"), NoSync: true, CheckpointsKept: 1}, m)
	if err != nil {
		return err
	}
	err = eachDiscover(files, func(d *namespace.Discover) error {
		d.SyncedAt, d.Since = time.Now().UnixNano(), j.Index()
		for i := range d.Entries {
			d.Entries[i].Since = d.Since
		}
		_, _, err := j.Propose(ctx, journal.OpID{}, d.Append(nil))
		return err
	})
	if err == nil {
		err = j.Checkpoint(ctx)
	}
	if cerr := j.Close(ctx); err == nil {
		err = cerr
	}
	return err
}

// treeMachine is a namespace below a journal.
type treeMachine struct{ *namespace.Tree }

func (m *treeMachine) Apply(entries []journal.Entry) [][]byte {
	answers := make([][]byte, len(entries))
	for i, e := range entries {
		answers[i], _ = m.Tree.Apply(e.Index, e.Time, e.Cmd)
	}
	return answers
}

func (m *treeMachine) Snapshot() (journal.Snapshot, error)      { return m.Tree.Snapshot(), nil }
func (m *treeMachine) Restore(r io.Reader) error                { return m.Tree.Restore(r) }
func (m *treeMachine) Level(cmd []byte) (level uint32, _ error) { return namespace.Level(cmd) }
