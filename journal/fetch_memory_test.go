package journal_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/journal"
)

const wideBytes = 96 << 20 // of a checkpoint

// wide is a state machine whose checkpoints are large and itself small: what is alive while one travels is the journal's.
type wide struct {
	*register
	look func()
}

func (w *wide) Snapshot() (journal.Snapshot, error) { return wideSnapshot{}, nil }

type wideSnapshot struct{}

func (wideSnapshot) Release() {}

func (wideSnapshot) WriteTo(out io.Writer) (n int64, err error) {
	var line [1 << 10]byte
	for ; n < wideBytes && err == nil; n += int64(len(line)) {
		binary.LittleEndian.PutUint64(line[:], uint64(n))
		_, err = out.Write(line[:])
	}
	return n, err
}

func (w *wide) Restore(r io.Reader) error {
	var line [1 << 10]byte
	for n := int64(0); n < wideBytes; n += int64(len(line)) {
		if _, err := io.ReadFull(r, line[:]); err != nil {
			return err
		}
		if at := binary.LittleEndian.Uint64(line[:]); at != uint64(n) {
			return fmt.Errorf("%d where %d belongs", at, n)
		}
		if n%(8<<20) == 0 {
			w.look()
		}
	}
	return nil
}

// heap keeps the most that was alive.
type heap struct {
	mu   sync.Mutex
	most uint64
}

func (h *heap) look() {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.most = max(h.most, m.HeapAlloc)
}

// TestJoinTakesLittleMemory: a checkpoint goes from one node's disk to another's, and into its state machine, in pieces.
func TestJoinTakesLittleMemory(t *testing.T) {
	mesh(t, func(t *testing.T, g *group) {
		var h heap
		open := func(id string) *journal.Journal {
			written := 0
			cfg := g.config(id)
			cfg.Dir, cfg.CheckpointsKept = filepath.Join(t.TempDir(), id), 1
			cfg.FS = vfs.NewFaulty(vfs.OS, func(op vfs.Op) error {
				if op.Kind == vfs.OpWrite && filepath.Ext(op.Name) == ".tmp" {
					if written += op.Len; written > 8<<20 {
						written = 0
						h.look()
					}
				}
				return nil
			})
			j, err := journal.Open(t.Context(), cfg, &wide{newRegister(), h.look})
			require.NoError(t, err)
			g.nodes[id] = &node{Journal: j, t: t, id: id, session: j.Session()}
			return j
		}
		a := open("a")
		add(t, a, "k")
		require.NoError(t, a.Checkpoint(t.Context()))
		add(t, a, "k")
		h.look()
		before := h.most
		b := open("b")
		require.EqualValues(t, 1, b.Metrics().Fetched)
		require.Equal(t, a.Index(), b.Index())
		t.Logf("%d MiB at most for a checkpoint of %d MiB", (h.most-before)>>20, wideBytes>>20)
		require.Less(t, h.most-before, uint64(wideBytes/12))
		time.Sleep(time.Second)
	})
}
