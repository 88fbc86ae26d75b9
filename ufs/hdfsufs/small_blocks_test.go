package hdfsufs_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/hdfsufs"
)

// TestServerBlocksFasterThanReports: blocks that are written in less time than a DataNode needs to tell of them, in writes
// of many blocks and of parts of one.
func TestServerBlocksFasterThanReports(t *testing.T) {
	v := realServer(t)
	s := v.open(t, v.place(t), hdfsufs.Options{BlockSize: 512, Replication: 1})
	for _, piece := range []int{100, 512, 1000, 40 * 512} {
		want := pattern(40*512 + 7)
		w, err := s.Create(t.Context(), "f", ufs.CreateOptions{})
		require.NoError(t, err)
		for rest := want; len(rest) > 0; {
			n, err := w.Write(rest[:min(piece, len(rest))])
			require.NoError(t, err, "after %d bytes, in pieces of %d", len(want)-len(rest)+n, piece)
			rest = rest[n:]
		}
		a, err := w.Commit(t.Context())
		require.NoError(t, err)
		got := make([]byte, len(want))
		_, err = s.ReadAt(t.Context(), "f", a.Version, got, 0)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

// TestNotReplicatedYet: it is asked again for a block that the NameNode refuses for now, for a while or until the context ends.
func TestNotReplicatedYet(t *testing.T) {
	for name, c := range map[string]struct {
		within time.Duration // of the context
		waits  time.Duration
		say    string
	}{
		"the context ends":  {time.Second, time.Second, context.DeadlineExceeded.Error()},
		"10 s are bad luck": {time.Hour, 10 * time.Second, "addBlock: NotReplicatedYetException"},
	} {
		t.Run(name, func(t *testing.T) {
			refuses := throws("org.apache.hadoop.hdfs.server.namenode.NotReplicatedYetException")
			inBubble(t, map[string]answer{"addBlock": refuses}, func(t *testing.T, f *fake, s *ufs.Store) {
				ctx, cancel := context.WithTimeout(t.Context(), c.within)
				defer cancel()
				w, err := s.Create(ctx, "f", ufs.CreateOptions{})
				require.NoError(t, err)
				began := time.Now()
				_, err = w.Write([]byte("x"))
				require.ErrorContains(t, err, c.say)
				require.Equal(t, c.waits, time.Since(began))
				require.Greater(t, count(f.made(), "addBlock"), 10)
				require.NoError(t, w.Abort(t.Context()))
			})
		})
	}
}
