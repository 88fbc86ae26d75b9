//go:build !race

package cachefs_test

import (
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/vfs"
)

// TestFailingDisk has the disk of a node fail once in each call that changes something, at each of the call's operations, reads included, with
// EIO and ENOSPC in turn. The call says so or has happened; what it had acknowledged, and what was there before, is there when the node is
// opened again. The race detector, which sees the same code in TestCrash, would make it five times as long.
func TestFailingDisk(t *testing.T) {
	for _, c := range crashCases() {
		if c.name == "Shutdown" {
			c.check = nil // copies of what a store has may be lost with the disk that should have taken them
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for at, hit := int64(0), true; hit; at++ {
				why := []error{syscall.EIO, syscall.ENOSPC}[at%2]
				t.Run(fmt.Sprint(at, " ", why), func(t *testing.T) {
					bubbletest.Test(t, func(t *testing.T) { hit = c.fail(t, at, why) })
				})
				if t.Failed() {
					return
				}
			}
		})
	}
}

// fail makes the call with one failure of the disk. It reports whether the call came so far.
func (c *crashCase) fail(t *testing.T, at int64, why error) (hit bool) {
	disk := vfs.NewMem()
	var armed atomic.Bool
	var ops atomic.Int64
	failing := vfs.NewFaulty(disk, func(op vfs.Op) error {
		if armed.Load() && ops.Add(1)-1 == at {
			t.Logf("this fails: %v of %s", op.Kind, op.Name)
			return why
		}
		return nil
	})
	p := newPlant(disk)
	n, err := p.open(failing)
	require.NoError(t, err)
	require.NoError(t, c.prepare(p, n))
	synctest.Wait()
	armed.Store(true)
	err = c.do(n)
	t.Logf("the call answered: %v", err)
	synctest.Wait()
	armed.Store(false)
	_ = n.Close() // may say what failed behind
	p.store.OnCall(nil)
	c.verify(t, p, disk, err == nil)
	return ops.Load() > at
}
