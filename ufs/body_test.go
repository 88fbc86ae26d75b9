package ufs_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/memufs"
	"github.com/millpond/millpond/ufs/ufstest"
)

func (w *world) read(key string, off, n int64) ([]byte, error) {
	rc, _, err := w.s.Open(w.Context(), key, off, n, "")
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	return io.ReadAll(rc)
}

// TestResume: a body that breaks, ends early or stalls goes on where it was, of the same version.
func TestResume(t *testing.T) {
	for _, broken := range []string{"cut=1000", "short=1000", "hang=1000"} {
		bubble(t, ufs.Options{AttemptTimeout: time.Second}, nil, func(w *world) {
			data := pattern(5000)
			w.put("f", data)
			w.play("open nth=1 " + broken)
			began := time.Now()
			calls := w.made(func() {
				got, err := w.read("f", 100, 4000)
				require.NoError(t, err, broken)
				require.True(t, bytes.Equal(data[100:4100], got), broken)
			})
			require.Equal(t, []string{"open f 100+4000", "open f 1100+3000"}, calls)
			m := w.s.Metrics()
			require.EqualValues(t, 1, m.Resumes)
			require.EqualValues(t, 1, m.Retries)
			require.EqualValues(t, 1, m.Calls["read"].Errors)
			require.EqualValues(t, 4000, m.BytesRead)
			if broken == "hang=1000" {
				require.WithinRange(t, time.Now(), began.Add(time.Second), began.Add(1300*time.Millisecond))
			}
		})
	}
}

// TestResumeOtherVersion: what replaced the file meanwhile is not taken for its rest.
func TestResumeOtherVersion(t *testing.T) {
	bubble(t, ufs.Options{}, nil, func(w *world) {
		w.put("f", pattern(5000))
		w.play("open nth=1 cut=1000")
		rc, _, err := w.s.Open(w.Context(), "f", 0, -1, "")
		require.NoError(t, err)
		_, err = io.ReadFull(rc, make([]byte, 1000))
		require.NoError(t, err)
		w.put("f", pattern(5000))
		_, err = rc.Read(make([]byte, 10))
		require.ErrorIs(t, err, driver.ErrChanged)
		_, again := rc.Read(make([]byte, 10))
		require.Equal(t, err, again, "it stays so")
		require.NoError(t, rc.Close())
	})
}

// TestResumesEnd: a store whose bodies all break at once is not asked for ever; one that brings something each time is.
func TestResumesEnd(t *testing.T) {
	bubble(t, ufs.Options{Attempts: 3, DisableBreaker: true}, nil, func(w *world) {
		data := pattern(1 << 20)
		w.put("f", data)
		w.play("open cut=10")
		calls := w.made(func() {
			got, err := w.read("f", 0, -1)
			require.ErrorContains(t, err, "connection reset")
			require.ErrorContains(t, err, "3 attempts")
			require.Len(t, got, 30)
		})
		require.Len(t, calls, 3)

		w.play("open cut=100000")
		got, err := w.read("f", 0, -1)
		require.NoError(t, err)
		require.True(t, bytes.Equal(data, got))
	})
}

// TestEndIsHeard: a driver that finds at the end that the bytes are wrong is heard before the last of them are used.
func TestEndIsHeard(t *testing.T) {
	bubble(t, ufs.Options{}, nil, func(w *world) {
		w.put("f", pattern(1000))
		w.play("open cut=1000")
		got, err := w.read("f", 0, 1000)
		require.ErrorContains(t, err, "connection reset")
		require.Less(t, len(got), 1000)
		n, err := w.s.ReadAt(w.Context(), "f", "", make([]byte, 1000), 0)
		require.Error(t, err)
		require.Zero(t, n)
	})
}

// TestVersionWithoutCondition: a store that knows no condition is looked at before and after.
func TestVersionWithoutCondition(t *testing.T) {
	bubble(t, ufs.Options{}, func(c *driver.Caps) { c.IfVersion = false }, func(w *world) {
		w.put("f", pattern(1000))
		v := w.version("f")
		calls := w.made(func() {
			_, err := w.s.ReadAt(w.Context(), "f", v, make([]byte, 1000), 0)
			require.NoError(t, err)
		})
		require.Equal(t, []string{"open f 0+1000", "stat f"}, calls)

		rc, _, err := w.s.Open(w.Context(), "f", 0, -1, v)
		require.NoError(t, err)
		_, err = io.ReadFull(rc, make([]byte, 500))
		require.NoError(t, err)
		w.put("f", pattern(1000))
		n, err := io.ReadFull(rc, make([]byte, 500))
		require.ErrorIs(t, err, driver.ErrChanged)
		require.Zero(t, n)
		require.NoError(t, rc.Close())
	})
	bubble(t, ufs.Options{}, nil, func(w *world) { // and one that does is not
		w.put("f", pattern(1000))
		v := w.version("f")
		require.Len(t, w.made(func() {
			_, err := w.s.ReadAt(w.Context(), "f", v, make([]byte, 1000), 0)
			require.NoError(t, err)
		}), 1)
	})
}

func TestReadCause(t *testing.T) {
	bubble(t, ufs.Options{}, nil, func(w *world) {
		w.put("f", pattern(1000))
		left := errors.New("the user left")
		ctx, cancel := context.WithCancelCause(w.Context())
		w.play("open hang=10")
		rc, _, err := w.s.Open(ctx, "f", 0, -1, "")
		require.NoError(t, err)
		_, err = io.ReadFull(rc, make([]byte, 10))
		require.NoError(t, err)
		time.AfterFunc(time.Second, func() { cancel(left) })
		_, err = rc.Read(make([]byte, 10))
		require.ErrorIs(t, err, left)
		require.NoError(t, rc.Close())
		require.EqualValues(t, 1, w.s.Metrics().Errors.Canceled)
		require.Zero(t, w.s.Metrics().InFlight)
	})
}

func TestClosedBody(t *testing.T) {
	bubble(t, ufs.Options{}, nil, func(w *world) {
		w.put("f", pattern(1000))
		rc, _, err := w.s.Open(w.Context(), "f", 0, -1, "")
		require.NoError(t, err)
		require.NoError(t, rc.Close())
		require.NoError(t, rc.Close())
		_, err = rc.Read(make([]byte, 10))
		require.ErrorIs(t, err, fs.ErrClosed)
	})
}

// TestWriterStall: a Write that the store does not take ends after CommitTimeout.
func TestWriterStall(t *testing.T) {
	bubble(t, ufs.Options{CommitTimeout: time.Minute}, nil, func(w *world) {
		w.play("write stall")
		c, err := w.s.Create(w.Context(), "f", ufs.CreateOptions{})
		require.NoError(t, err)
		began := time.Now()
		_, err = c.Write([]byte("x"))
		require.ErrorContains(t, err, "no answer within 1m0s")
		require.WithinRange(t, time.Now(), began.Add(time.Minute), began.Add(80*time.Second))
		require.NoError(t, c.Abort(w.Context()))
		require.NoError(t, c.Abort(w.Context()), "a second one does nothing")
		_, err = c.Commit(w.Context())
		require.ErrorIs(t, err, fs.ErrClosed)
		w.holds("f", nil)
	})
}

// TestRefusedCommitIsAborted: of a commit that the store kept refusing, Abort leaves nothing.
func TestRefusedCommitIsAborted(t *testing.T) {
	bubble(t, ufs.Options{Attempts: 2}, nil, func(w *world) {
		w.play("commit fail=throttled")
		c, err := w.s.Create(w.Context(), "f", ufs.CreateOptions{})
		require.NoError(t, err)
		_, err = c.Commit(w.Context())
		require.ErrorContains(t, err, "slow down")
		require.NoError(t, c.Abort(w.Context()))
		require.Equal(t, "[create f commit f commit f abort f]", fmt.Sprint(w.f.Log()))
	})
}

// unversioned is a driver of a store that has no versions at all.
type unversioned struct{ *ufstest.Faulty }

func (u unversioned) Open(ctx context.Context, key string, off, n int64, _ string) (io.ReadCloser, driver.Attr, error) {
	rc, a, err := u.Faulty.Open(ctx, key, off, n, "")
	a.Version = ""
	return rc, a, err
}

// TestNoVersionNoResume: the rest of a file that has no version may be another file's.
func TestNoVersionNoResume(t *testing.T) {
	over(t, ufs.Options{}, func() driver.Store {
		return unversioned{newPoor(memufs.New(nil), func(*driver.Caps) {}).(poor).Faulty}
	}, func(w *world) {
		w.put("f", pattern(1000))
		w.play("open nth=1 cut=100")
		got, err := w.read("f", 0, -1)
		require.ErrorContains(w, err, "connection reset")
		require.Len(w, got, 100)
	})
}
