package cachefs_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/vfs"
)

// TestFirstReadsDoNotWaitForTheJournal reads files that nobody has looked at while the disk below the journal stands. What was found is told to
// the journal when that goes on, many files in one entry; a change waits for it until then.
func TestFirstReadsDoNotWaitForTheJournal(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		const files = 1000
		disk, stands, release := vfs.NewMem(), atomic.Bool{}, make(chan struct{})
		p := newPlant(disk)
		for i := range files {
			require.NoError(t, putOutside(t.Context(), p.store.UFS(), fmt.Sprint("f", i), fmt.Append(nil, "content ", i)))
		}
		n, err := p.open(vfs.NewFaulty(disk, func(op vfs.Op) error {
			if stands.Load() && op.Kind.Mutates() && strings.HasPrefix(op.Name, "/node/journal") {
				<-release
			}
			return nil
		}))
		require.NoError(t, err)
		defer n.Close()
		index, began := n.Metrics().Journal.Index, time.Now()
		stands.Store(true)
		soon, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for i := range files {
			f, err := n.Open(soon, fmt.Sprint("/m/f", i), nil)
			require.NoError(t, err)
			got, err := io.ReadAll(f)
			require.NoError(t, err)
			require.Equal(t, fmt.Sprint("content ", i), string(got))
			require.NoError(t, f.Close())
		}
		require.Zero(t, time.Since(began), "a first read waited")
		m := n.Metrics()
		require.Equal(t, index, m.Journal.Index)
		require.Equal(t, files, m.Discovering)
		changed := make(chan error, 1)
		go func() { changed <- n.Rename(t.Context(), "/m/f7", "/m/moved", nil) }()
		synctest.Wait()
		require.Empty(t, changed)

		stands.Store(false)
		close(release)
		require.NoError(t, <-changed)
		synctest.Wait()
		m = n.Metrics()
		require.Zero(t, m.Discovering)
		require.Less(t, m.Journal.Index-index, uint64(10), "journal entries for %d files and a change", files)
		stats := p.store.Calls()["stat"]
		for i := range files {
			_, err := n.Stat(t.Context(), fmt.Sprint("/m/f", i), nil)
			require.Equal(t, i == 7, err != nil, "%v", err)
		}
		require.LessOrEqual(t, p.store.Calls()["stat"]-stats, 1, "the replica knows them")
	})
}

// TestVersionsHaveNames: what is written anew or appended to has another FileID, and who has it open reads on in the version that he opened; a
// change of anything else leaves it.
func TestVersionsHaveNames(t *testing.T) {
	for _, dir := range []string{"/", "/m/"} {
		disk := vfs.NewMem()
		n, err := newPlant(disk).open(disk)
		require.NoError(t, err)
		defer n.Close()
		f := dir + "f"
		require.NoError(t, write(f, "1", cachefs.CreateOptions{})(n))
		open, err := n.Open(t.Context(), f, nil)
		require.NoError(t, err)
		defer open.Close()
		first := mustStat(t, n, f).FileID()
		require.NotZero(t, first)

		require.NoError(t, n.SetAttr(t.Context(), f, &cachefs.AttrOptions{Pin: new(true)}))
		require.NoError(t, n.Rename(t.Context(), f, dir+"g", nil))
		require.NoError(t, n.Rename(t.Context(), dir+"g", f, nil))
		require.Equal(t, first, mustStat(t, n, f).FileID())
		got := make([]byte, open.Size())
		_, err = open.ReadAt(got, 0)
		require.NoError(t, err)
		require.NoError(t, same(got, planned("1"), 0))

		require.NoError(t, write(f, "2", cachefs.CreateOptions{Overwrite: true})(n))
		second := mustStat(t, n, f).FileID()
		require.NotEqual(t, first, second)
		require.NoError(t, write(f, "3", cachefs.CreateOptions{Append: true})(n))
		third := mustStat(t, n, f).FileID()
		require.NotContains(t, []any{first, second}, third)
		require.NoError(t, same(readAll(t, n, f), planned("2+3"), 0))
		if _, err = open.ReadAt(got, 0); err != nil {
			require.True(t, isGone(err), "%v", err)
		} else {
			require.NoError(t, same(got, planned("1"), 0), "another version than was opened")
		}
	}
}
