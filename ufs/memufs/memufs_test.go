package memufs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/memufs"
	"github.com/millpond/millpond/ufs/ufstest"
)

func open(caps driver.Caps) *memufs.Store { return memufs.New(&memufs.Options{Caps: &caps}) }

func keys(t *testing.T, s *memufs.Store, o driver.ListOptions) (keys []string) {
	t.Helper()
	for {
		p, err := s.List(t.Context(), o)
		require.NoError(t, err)
		for _, a := range p.Entries {
			keys = append(keys, a.Key)
		}
		if o.Token = p.Token; o.Token == "" {
			return keys
		}
	}
}

func TestParentsShowAtCommit(t *testing.T) {
	s := memufs.New(nil)
	w, err := s.Create(t.Context(), "a/b/f", driver.CreateOptions{Parents: true})
	require.NoError(t, err)
	require.Empty(t, keys(t, s, driver.ListOptions{}))
	require.NoError(t, w.Abort(t.Context()))
	require.Empty(t, keys(t, s, driver.ListOptions{}))
	w, err = s.Create(t.Context(), "a/b/f", driver.CreateOptions{Parents: true})
	require.NoError(t, err)
	_, err = w.Commit(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"a", "a/b", "a/b/f"}, keys(t, s, driver.ListOptions{Recursive: true}))
}

// TestReadersKeepTheirBytes: what is open is what was there.
func TestReadersKeepTheirBytes(t *testing.T) {
	s := memufs.New(nil)
	s.Put("f", []byte("old bytes"))
	rc, a, err := s.Open(t.Context(), "f", 0, -1, "")
	require.NoError(t, err)
	s.Put("f", []byte("new"))
	got, err := io.ReadAll(rc)
	require.NoError(t, err)
	require.Equal(t, "old bytes", string(got))
	_, _, err = s.Open(t.Context(), "f", 0, -1, a.Version)
	require.ErrorIs(t, err, driver.ErrChanged)
}

// TestDirectoriesOfABucket live by what is in them, or by a marker.
func TestDirectoriesOfABucket(t *testing.T) {
	s := open(memufs.Bucket())
	s.Put("implied/deep/f", nil)
	require.NoError(t, s.Mkdir(t.Context(), "made", false, 0))
	s.Put("made/f", nil)
	require.Equal(t, []string{"implied", "made"}, keys(t, s, driver.ListOptions{}))
	require.Equal(t, []string{"implied/deep/f", "made", "made/f"}, keys(t, s, driver.ListOptions{Recursive: true}))
	require.NoError(t, s.Delete(t.Context(), "implied/deep/f"))
	require.NoError(t, s.Delete(t.Context(), "made/f"))
	require.Equal(t, []string{"made"}, keys(t, s, driver.ListOptions{}))
	_, err := s.Stat(t.Context(), "implied")
	require.ErrorIs(t, err, driver.ErrNotExist)
}

func TestAbilitiesThatAreOff(t *testing.T) {
	ctx := t.Context()
	calls := func(s *memufs.Store) map[string]error {
		create := func(o driver.CreateOptions) error { _, err := s.Create(ctx, "new", o); return err }
		_, list := s.List(ctx, driver.ListOptions{})
		_, rename := s.Rename(ctx, "f", "g", true)
		_, renameDir := s.Rename(ctx, "d", "e", false)
		_, copied := s.Copy(ctx, "f", "g", "")
		_, batch := s.DeleteBatch(ctx, []string{"f"})
		_, mode := s.SetMode(ctx, "f", 0o600)
		_, owner := s.SetOwner(ctx, "f", "ann", "")
		return map[string]error{
			"list": list, "rename": rename, "rename a directory": renameDir, "copy": copied, "batch": batch, "mode": mode, "owner": owner,
			"if absent": create(driver.CreateOptions{IfAbsent: true}), "version": s.DeleteVersion(ctx, "f", ""), "create": create(driver.CreateOptions{}),
			"delete": s.Delete(ctx, "f"), "mkdir": s.Mkdir(ctx, "m", false, 0),
		}
	}
	store := func(caps driver.Caps) *memufs.Store {
		s := open(caps)
		s.Put("f", nil)
		s.Put("d/f", nil)
		return s
	}
	none := calls(store(driver.Caps{NoList: true}))
	for name, err := range none {
		if name == "create" || name == "delete" || name == "mkdir" {
			require.NoError(t, err, name)
			continue
		}
		require.ErrorIs(t, err, driver.ErrUnsupported, name)
	}
	all := memufs.Directory()
	all.ReadOnly, all.BatchDelete, all.DeleteVersion = true, 10, true
	for name, err := range calls(store(all)) {
		if name != "list" {
			require.ErrorIs(t, err, driver.ErrReadOnly, name)
		}
	}
}

func TestBatches(t *testing.T) {
	caps := memufs.Bucket()
	caps.BatchDelete = 3
	s := open(caps)
	s.Put("a", nil)
	s.Put("d/b", nil)
	failed, err := s.DeleteBatch(t.Context(), []string{"a", "missing", "d"})
	require.NoError(t, err)
	require.Len(t, failed, 1)
	require.ErrorIs(t, failed["d"], driver.ErrNotEmpty)
	require.Equal(t, []string{"d"}, keys(t, s, driver.ListOptions{}))
	_, err = s.DeleteBatch(t.Context(), make([]string, 4))
	require.ErrorIs(t, err, driver.ErrInvalid, "more than Caps.BatchDelete")
}

func TestDeleteVersion(t *testing.T) {
	s := open(memufs.Bucket())
	s.Put("f", nil)
	a, err := s.Stat(t.Context(), "f")
	require.NoError(t, err)
	s.Put("f", nil)
	require.ErrorIs(t, s.DeleteVersion(t.Context(), "f", a.Version), driver.ErrChanged)
	a, err = s.Stat(t.Context(), "f")
	require.NoError(t, err)
	require.NoError(t, s.DeleteVersion(t.Context(), "f", a.Version))
	require.ErrorIs(t, s.DeleteVersion(t.Context(), "f", a.Version), driver.ErrNotExist)
}

// TestLatency is the bubble's time, and ends with the call's context.
func TestLatency(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		s := memufs.New(&memufs.Options{Latency: time.Second})
		began := time.Now()
		_, err := s.Stat(t.Context(), "")
		require.NoError(t, err)
		require.Equal(t, time.Second, time.Since(began))
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		_, err = s.Stat(ctx, "")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 1300*time.Millisecond, time.Since(began))
		require.Equal(t, 1, s.Calls()["stat"], "a call that did not begin")
	})
}

// TestScriptedFaults fails each kind of call, and bodies and writes in the middle.
func TestScriptedFaults(t *testing.T) {
	torn := errors.New("torn")
	s := memufs.New(nil)
	s.Put("f", make([]byte, 100))
	var seen []string
	s.OnCall(func(op, key string) error {
		seen = append(seen, op+" "+key)
		if len(seen) == 3 {
			return torn
		}
		return nil
	})
	rc, _, err := s.Open(t.Context(), "f", 0, -1, "")
	require.NoError(t, err)
	_, err = io.ReadFull(rc, make([]byte, 10))
	require.NoError(t, err)
	_, err = io.ReadAll(rc)
	require.ErrorIs(t, err, torn)
	require.Equal(t, []string{"open f", "read f", "read f"}, seen)

	seen = nil
	w, err := s.Create(t.Context(), "g", driver.CreateOptions{})
	require.NoError(t, err)
	_, err = w.Write([]byte("x"))
	require.NoError(t, err)
	_, err = w.Commit(t.Context())
	require.ErrorIs(t, err, torn)
	_, err = s.Stat(t.Context(), "g")
	require.ErrorIs(t, err, driver.ErrNotExist, "a commit that failed published nothing")
	s.OnCall(nil)
	_, err = w.Commit(t.Context())
	require.NoError(t, err, "and can be tried again")
}

func TestURL(t *testing.T) {
	s, err := ufs.Open(t.Context(), "mem://test", nil)
	require.NoError(t, err)
	require.Equal(t, "mem://test", s.ID())
	require.NoError(t, s.Close())
	ufstest.RefusedURLs(t, map[string]string{
		"mem://test/below":       "want mem://name",
		"mem://test?x=y":         "unknown option",
		"mem://test?key=hunter2": "name credentials by reference",
		"mem://me:hunter2@test":  "a password before the host",
		"mem://me:12/hunter2@t":  "want mem://name",
	})
	require.NotEqual(t, memufs.New(nil).UFS().ID(), memufs.New(nil).UFS().ID())
}

func TestPutPanics(t *testing.T) {
	s := memufs.New(nil)
	s.Put("f", nil)
	for _, key := range []string{"", "a//b", "f/below"} {
		require.Panics(t, func() { s.Put(key, nil) }, key)
	}
	require.Panics(t, func() { memufs.New(&memufs.Options{UFS: &ufs.Options{MaxCalls: -1}}) })
}

func TestConcurrent(t *testing.T) {
	s := open(memufs.Bucket())
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 200 {
				key := fmt.Sprintf("d%d/f", i%7)
				switch (g + i) % 4 {
				case 0:
					s.Put(key, []byte(key))
				case 1:
					_ = s.Delete(t.Context(), key)
				case 2:
					_, _ = s.List(t.Context(), driver.ListOptions{Recursive: true, Limit: 2})
				case 3:
					_, _ = s.Copy(t.Context(), key, "copy/of", "")
				}
			}
		})
	}
	wg.Wait()
	for _, key := range keys(t, s, driver.ListOptions{Recursive: true}) {
		a, err := s.Stat(t.Context(), key)
		require.NoError(t, err)
		require.False(t, a.Dir)
	}
}

// BenchmarkListPage is a page in the middle of directories of all sizes: it costs its own entries.
func BenchmarkListPage(b *testing.B) {
	for _, n := range []int{1_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := memufs.New(nil)
			for i := range n {
				s.Put(fmt.Sprintf("f%07d", i), nil)
			}
			for b.Loop() {
				p, err := s.List(b.Context(), driver.ListOptions{StartAfter: fmt.Sprintf("f%07d", n/2), Limit: 100})
				require.NoError(b, err)
				require.Len(b, p.Entries, 100)
			}
		})
	}
}
