package hdfsufs_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/faultproxy"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/hdfsufs"
)

func TestServerTroubleWriting(t *testing.T) {
	for name, f := range map[string]func(*testing.T){
		"cut_upload_publishes_nothing":             cutUpload,
		"upload_cut_in_a_later_block":              cutLater,
		"cut_upload_is_told_in_the_block":          cutIsTold,
		"stalled_upload_publishes_nothing":         stalledUpload,
		"cancelled_upload_publishes_nothing":       cancelledUpload,
		"cancelled_commit_publishes_nothing":       cancelledCommit,
		"lost_NameNode_publishes_nothing":          lostNameNode,
		"silent_NameNode_holds_nobody":             silentNameNode,
		"overwrite_that_was_cut_leaves_the_old":    cutOverwrite,
		"cut_upload_with_Parents_leaves_no_parent": cutParents,
	} {
		t.Run(name, f)
	}
}

func cutUpload(t *testing.T) {
	for _, after := range []int64{0, 12, 150} { // at once, after the first packets, near the end of the first block
		v := newTrouble(t, nil)
		v.data.Break(faultproxy.ConnFault{After: after, Then: faultproxy.ConnReset}, 0)
		_, err := v.writeFile(t, "f", pattern(bigSize))
		require.Error(t, err)
		v.nothing(t, "f")
	}
}

func cutLater(t *testing.T) {
	v := newTrouble(t, nil)
	w, err := v.store.Create(t.Context(), "f", ufs.CreateOptions{})
	require.NoError(t, err)
	_, err = w.Write(pattern(2 << 20))
	require.NoError(t, err)
	v.data.Break(faultproxy.ConnFault{After: 12, Then: faultproxy.ConnReset}, 0)
	if _, err = w.Write(pattern(1 << 20)); err == nil {
		_, err = w.Commit(t.Context())
	}
	require.Error(t, err)
	require.NoError(t, w.Abort(t.Context()))
	v.nothing(t, "f")
}

// cutIsTold: a writer hears soon that nobody listens, not at the end of a block of 128 MiB.
func cutIsTold(t *testing.T) {
	v := newTrouble(t, nil)
	s := v.open(t, v.dir, hdfsufs.Options{UFS: quick(), BlockSize: 128 << 20, Dial: v.dial})
	v.data.Break(faultproxy.ConnFault{After: 12, Then: faultproxy.ConnReset}, 0)
	w, err := s.Create(t.Context(), "f", ufs.CreateOptions{})
	require.NoError(t, err)
	n := 0
	for ; err == nil && n < 64<<20; n += 64 << 10 {
		_, err = w.Write(pattern(64 << 10))
	}
	require.Error(t, err, "after %d bytes", n)
	require.NoError(t, w.Abort(t.Context()))
	v.nothing(t, "f")
}

func stalledUpload(t *testing.T) {
	v := newTrouble(t, &ufs.Options{AttemptTimeout: 2 * time.Second, CommitTimeout: 2 * time.Second}) // for the NameNode, too
	v.data.Break(faultproxy.ConnFault{After: 12, Then: faultproxy.ConnStall}, 0)
	_, err := v.writeFile(t, "f", pattern(bigSize))
	require.Error(t, err)
	v.nothing(t, "f")
}

func cancelledUpload(t *testing.T) {
	v := newTrouble(t, nil)
	v.data.Break(faultproxy.ConnFault{After: 12, Then: faultproxy.ConnStall}, 0)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	w, err := v.store.Create(ctx, "f", ufs.CreateOptions{})
	require.NoError(t, err)
	for err == nil { // until the DataNode, which acknowledges nothing, holds it up
		_, err = w.Write(pattern(100_000))
	}
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, w.Abort(t.Context()))
	v.nothing(t, "f")
}

func cancelledCommit(t *testing.T) {
	v := newTrouble(t, nil)
	v.data.Break(faultproxy.ConnFault{After: 12, Then: faultproxy.ConnStall}, 0)
	writes, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	w, err := v.store.Create(writes, "f", ufs.CreateOptions{})
	require.NoError(t, err)
	_, err = w.Write(pattern(1000))
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err = w.Commit(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	v.nothing(t, "f")
}

// lostNameNode loses the connections between the last byte and the commit.
func lostNameNode(t *testing.T) {
	v := newTrouble(t, nil)
	w, err := v.store.Create(t.Context(), "f", ufs.CreateOptions{})
	require.NoError(t, err)
	_, err = w.Write(pattern(1000))
	require.NoError(t, err)
	v.names.Down()
	v.names.Up()
	_, err = w.Commit(t.Context())
	require.Error(t, err)
	v.nothing(t, "f")
}

// silentNameNode stalls all connections before a call, which ends with its context and gives its place back.
func silentNameNode(t *testing.T) {
	for name, do := range map[string]func(ctx context.Context, s *ufs.Store, w *ufs.Writer) error{
		"create": func(ctx context.Context, s *ufs.Store, _ *ufs.Writer) error {
			_, err := s.Create(ctx, "g", ufs.CreateOptions{})
			return err
		},
		"commit": func(ctx context.Context, _ *ufs.Store, w *ufs.Writer) error { _, err := w.Commit(ctx); return err },
		"abort":  func(ctx context.Context, _ *ufs.Store, w *ufs.Writer) error { return w.Abort(ctx) },
	} {
		t.Run(name, func(t *testing.T) {
			v := newTrouble(t, &ufs.Options{Attempts: 1, MaxCalls: 1, DisableBreaker: true})
			w := begin(t, v.store)
			_, err := w.Write(pattern(1000))
			require.NoError(t, err)
			v.fresh(faultproxy.ConnFault{Then: faultproxy.ConnStall}, 0)
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			require.Error(t, inTime(t, func() error { return do(ctx, v.store, w) }))
			v.fresh(faultproxy.ConnFault{}, 0)
			for _, key := range []string{"f", "g"} {
				_, err = v.store.Stat(t.Context(), key)
				require.ErrorIs(t, err, driver.ErrNotExist)
			}
			require.NoError(t, w.Abort(t.Context()))
		})
	}
}

func cutOverwrite(t *testing.T) {
	v := big(t, nil)
	v.data.Break(faultproxy.ConnFault{After: 12, Then: faultproxy.ConnReset}, 0)
	_, err := v.writeFile(t, "big", pattern(2_000_000))
	require.Error(t, err)
	v.data.Break(faultproxy.ConnFault{}, 0)
	v.whole(t)
	require.Zero(t, v.temps(t, v.dir))
}

func cutParents(t *testing.T) {
	v := newTrouble(t, nil)
	v.data.Break(faultproxy.ConnFault{After: 12, Then: faultproxy.ConnReset}, 0)
	w, err := v.store.Create(t.Context(), "a/b/f", ufs.CreateOptions{Parents: true})
	require.NoError(t, err)
	if _, err = w.Write(pattern(1000)); err == nil {
		_, err = w.Commit(t.Context())
	}
	require.Error(t, err)
	require.NoError(t, w.Abort(t.Context()))
	_, err = v.store.Stat(t.Context(), "a")
	require.ErrorIs(t, err, driver.ErrNotExist)
	v.nothing(t, "a/b/f")
}
