package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/millpond/millpond/journal/internal/wire"
)

const (
	// takenMost is how many bytes of batches that others have sent may wait at the primary: four of the largest. Each is held about three
	// times, as it came, decoded and in what is logged next.
	takenMost = 64 << 20
	// busyFirst and busyMost are the pauses before a primary that was busy is sent the batch again: it logs some 100 MB a second.
	busyFirst = 20 * time.Millisecond
	busyMost  = 500 * time.Millisecond
)

// busyError says that the primary has taken nothing, since enough waits there.
type busyError struct{ node string }

func (e *busyError) Error() string {
	return fmt.Sprintf("node %s: too many changes wait there", e.node)
}

// take makes room for a batch of n bytes, until give. One batch has room always.
func (m *mesh) take(n int) bool {
	if now := m.taken.Add(int64(n)); now > m.room && now != int64(n) {
		m.give(n)
		return false
	}
	return true
}

func (m *mesh) give(n int) { m.taken.Add(-int64(n)) }

// callPrimary sends a batch to a node, again while that is busy: the bytes wait here.
func (m *mesh) callPrimary(ctx context.Context, to string, commands []byte) ([]byte, error) {
	for pause := busyFirst; ; pause = min(2*pause, busyMost) {
		body, err := m.call(ctx, to, wire.Propose, commands)
		busy, is := errors.AsType[*busyError](err)
		if !is {
			return body, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, busy
		case <-m.j.closing:
			return nil, busy
		}
	}
}
