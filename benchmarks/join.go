package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"

	"github.com/millpond/millpond/cachefs"
)

// joined is what a node that has joined says about itself.
type joined struct {
	Seconds float64 // from the call of Open to the first Stat's answer
	Peak    int64   // resident bytes at most, until then
	Own     int64   // resident bytes when all that can go has gone: the program, and the namespace
}

// joins is how a new node comes to a mesh whose namespace is large: in what time, with how much memory beside the namespace's own, and for
// how long no change is made meanwhile. The node is a process of its own.
func joins(r *report) error { return joinWith(r, 1_000_000, 5) }

// largeJoins is the same with 10 million files.
func largeJoins(r *report) error { return joinWith(r, treeFiles, 60) }

func joinWith(r *report, files int, most float64) error {
	ctx := context.Background()
	dir, err := os.MkdirTemp(r.dir, "join")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := knownFiles(ctx, dir, files); err != nil {
		return err
	}
	addrs, err := freeAddrs(2)
	if err != nil {
		return err
	}
	cfg := meshConfig(addrs[0])
	cfg.Dir = coldConfig(dir).Dir
	holder, err := cachefs.Open(ctx, cfg)
	if err != nil {
		return err
	}
	defer holder.Close()
	w := newWriter(holder)
	defer w.stop()
	time.Sleep(2 * time.Second)
	before := w.longest()
	var j joined
	if err := process(&j, "join", filepath.Join(dir, "new"), addrs[1], addrs[0], treePath(files/2)); err != nil {
		return err
	}
	meanwhile := w.longest()
	if err := w.stop(); err != nil {
		return err
	}
	name := fmt.Sprintf("%d million files, node joins, ", files/1_000_000)
	r.line(name+"s", fmt.Sprintf("%.2f", j.Seconds), fmt.Sprint(most), atMost(most), j.Seconds)
	r.line(name+"peak memory / its own in the end", fmt.Sprint(j.Peak/miB, "MiB"), fmt.Sprint(j.Own/miB, "MiB"), atMost(1.6), float64(j.Peak)/float64(j.Own))
	r.line(name+"longest time without a change, ms; before", millis(meanwhile), millis(before), atMost(500), float64(meanwhile.Microseconds())/1000)
	return nil
}

func millis(d time.Duration) string { return fmt.Sprintf("%.1fms", float64(d.Microseconds())/1000) }

// process runs this program anew as one with a single purpose, whose result is JSON.
func process(result any, args ...string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%s: %w", args[0], err)
	}
	return json.Unmarshal(out, result)
}

// joiner is the process of a node that joins; args are its directory, its address, the other's, and a file to ask for.
func joiner(args []string, out io.Writer) error {
	ctx := context.Background()
	cfg := meshConfig(args[1], args[2])
	cfg.Dir = args[0]
	start := time.Now()
	n, err := cachefs.Open(ctx, cfg)
	if err != nil {
		return err
	}
	_, err = n.Stat(ctx, args[3], nil)
	j := joined{Seconds: time.Since(start).Seconds(), Peak: memoryOf("VmHWM")}
	debug.FreeOSMemory()
	j.Own = residentNow()
	if n.Metrics().Journal.Fetched != 1 {
		err = errors.Join(err, errors.New("it did not fetch a checkpoint"))
	}
	return errors.Join(err, n.Close(), json.NewEncoder(out).Encode(j))
}

// writer makes changes one after the other, and notes how long none was made.
type writer struct {
	quit context.CancelFunc
	done chan struct{}
	mu   sync.Mutex
	last time.Time
	gap  time.Duration
	err  error
}

func newWriter(n *cachefs.Node) *writer {
	ctx, cancel := context.WithCancel(context.Background())
	w := &writer{quit: cancel, done: make(chan struct{}), last: time.Now()}
	go func() {
		defer close(w.done)
		for ctx.Err() == nil {
			err := n.Mkdir(context.Background(), fmt.Sprintf("/n%d", made.Add(1)), nil)
			now := time.Now()
			w.mu.Lock()
			w.gap, w.last, w.err = max(w.gap, now.Sub(w.last)), now, errors.Join(w.err, err)
			w.mu.Unlock()
		}
	}()
	return w
}

// longest is the longest time without a change since the last call.
func (w *writer) longest() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	gap := max(w.gap, time.Since(w.last))
	w.gap = 0
	return gap
}

func (w *writer) stop() error {
	w.quit()
	<-w.done
	return w.err
}
