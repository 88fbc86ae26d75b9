package journal_test

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/journal"
)

// slowRegister is a register whose checkpoints are written when the test says so.
type slowRegister struct {
	*register
	writing, goOn chan struct{}
}

type slowSnapshot struct {
	journal.Snapshot
	r *slowRegister
}

func (r *slowRegister) Snapshot() (journal.Snapshot, error) {
	s, err := r.register.Snapshot()
	return slowSnapshot{s, r}, err
}

func (s slowSnapshot) WriteTo(w io.Writer) (int64, error) {
	s.r.writing <- struct{}{}
	<-s.r.goOn
	return s.Snapshot.WriteTo(w)
}

// TestCheckpointTellsWhatIsInIt makes changes while a checkpoint is being written: its event names the last change that is in it.
func TestCheckpointTellsWhatIsInIt(t *testing.T) {
	for name, cfg := range map[string]journal.Config{"memory": {}, "disk": {FS: vfs.NewMem(), Dir: "/j"}} {
		t.Run(name, func(t *testing.T) {
			r := &slowRegister{newRegister(), make(chan struct{}), make(chan struct{})}
			var made journal.CheckpointInfo
			cfg.Events.Checkpoint = func(i journal.CheckpointInfo) { made = i }
			j, err := journal.Open(t.Context(), cfg, r)
			require.NoError(t, err)
			var last uint64
			for range 5 {
				last = add(t, j, "before")
			}
			done := make(chan error, 1)
			go func() { done <- j.Checkpoint(t.Context()) }()
			<-r.writing
			for range 7 {
				add(t, j, "while it is written")
			}
			close(r.goOn)
			require.NoError(t, <-done)
			require.NoError(t, made.Err)
			require.Equal(t, last, made.Index)
			go func() { <-r.writing }() // Close may make another
			require.NoError(t, j.Close(t.Context()))
			close(r.writing)
		})
	}
}
