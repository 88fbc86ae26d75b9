package cachefs_test

import (
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/vfs"
)

// TestDiskThatFailsOnce has one operation of the disk fail, under a node's journal or its tiers, each in turn: what was acknowledged is
// there when the node is opened again on a disk that is well. Only a Shutdown that has said so may have lost what no store has.
func TestDiskThatFailsOnce(t *testing.T) {
	for name, set := range diskSets() {
		if set.then != nil { // its files change again
			continue
		}
		for _, fault := range []error{syscall.EIO, syscall.ENOSPC, vfs.ErrShort} {
			t.Run(fmt.Sprint(name, "/", fault), func(t *testing.T) {
				t.Parallel()
				bubbletest.Test(t, func(t *testing.T) { set.failOnce(t, fault) })
			})
		}
	}
}

func (d *diskSet) failOnce(t *testing.T, fault error) {
	const points = 8
	total := d.failAt(t, fault, -1)
	require.Greater(t, total, 20, "operations of the disk")
	for at := 0; at < total; at += max(1, total/points) {
		d.failAt(t, fault, at)
	}
}

// failAt has the operation of that number fail, and returns how many there were.
func (d *diskSet) failAt(t *testing.T, fault error, at int) int {
	mem := vfs.NewMem()
	p := newPlant(vfs.NewMem())
	p.configure = d.configure
	hook := &failOne{at: at, fault: fault}
	acked, closed := d.writeAll(p, vfs.NewFaulty(mem, hook.ask))
	n, err := p.open(mem)
	require.NoError(t, err, hook)
	defer n.Close()
	inStore := d.inStore()
	for path, seeds := range acked {
		data, err := readAtOnce(t.Context(), n, path)
		if closed != nil && !inStore[path] && err != nil {
			require.ErrorIs(t, err, cachefs.ErrLost, "%s, %v", path, hook)
			continue
		}
		require.NoError(t, err, "%s, %v; Close said: %v", path, hook, closed)
		require.NoError(t, same(data, planned(seeds), 0), "%s, %v", path, hook)
	}
	return hook.count()
}

// writeAll has a node write all that it can, and returns what was acknowledged and what its Close said.
func (d *diskSet) writeAll(p *plant, disk vfs.FS) (acked plan, closed error) {
	acked = plan{}
	n, err := p.open(disk)
	if err != nil {
		return acked, nil
	}
	for _, w := range d.writes {
		if write(w.path, w.seeds, w.o)(n) == nil {
			acked[w.path] = w.seeds
		}
	}
	time.Sleep(time.Minute) // of the bubble: uploads, and a directory that comes back
	return acked, n.Close()
}

// failOne fails one of the operations that change a disk.
type failOne struct {
	at    int
	fault error
	mu    struct {
		sync.Mutex
		n  int
		of vfs.Op
	}
}

func (f *failOne) ask(op vfs.Op) error {
	if !op.Kind.Mutates() || f.fault == vfs.ErrShort && op.Kind != vfs.OpWrite {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.n++
	if f.mu.n-1 != f.at {
		return nil
	}
	f.mu.of = op
	return f.fault
}

func (f *failOne) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mu.n
}

func (f *failOne) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return fmt.Sprintf("%v of operation %d, a %v of %s", f.fault, f.at, f.mu.of.Kind, f.mu.of.Name)
}
