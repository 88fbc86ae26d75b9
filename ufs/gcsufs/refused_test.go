package gcsufs_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/gcsufs"
)

// busy is a service that takes uploads, and is asked too much by the first requests to publish one.
type busy struct {
	refusals int
	bodies   []string // of the requests that publish
}

func (b *busy) RoundTrip(r *http.Request) (*http.Response, error) {
	body := ""
	if r.Body != nil {
		all, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		body = string(all)
	}
	status, h, says := http.StatusOK, http.Header{"Content-Type": {"application/json"}}, `{"name":"p/f","size":"7","generation":"9"}`
	switch {
	case r.URL.Query().Get("uploadType") == "resumable" && r.URL.Query().Get("upload_id") == "":
		h.Set("Location", r.URL.String()+"&upload_id=1")
	case r.Header.Get("Content-Range") != "" && !isLast(r):
		var from, to int
		if _, err := fmt.Sscanf(r.Header.Get("Content-Range"), "bytes %d-%d/", &from, &to); err != nil {
			return nil, err
		}
		h.Set("X-Http-Status-Code-Override", "308") // so far
		h.Set("Range", fmt.Sprintf("bytes=0-%d", to))
	default:
		if b.bodies = append(b.bodies, body); len(b.bodies) <= b.refusals {
			status, says = http.StatusServiceUnavailable, `{"error":{"code":503}}`
		}
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(says)), Request: r}, nil
}

// upload begins one of size bytes.
func (b *busy) upload(t *testing.T, size int) driver.Writer {
	d, _, err := gcsufs.OpenDriver(t.Context(), "box", "p", gcsufs.Options{Client: &http.Client{Transport: b}, PartSize: part})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	w, err := d.Create(t.Context(), "f", driver.CreateOptions{IfAbsent: true})
	require.NoError(t, err)
	_, err = w.Write(make([]byte, size))
	require.NoError(t, err)
	return w
}

// TestCommitAgain: what the service refused for now is sent whole once more.
func TestCommitAgain(t *testing.T) {
	b := &busy{refusals: 2}
	w := b.upload(t, 7)
	for range b.refusals {
		_, err := w.Commit(t.Context())
		_, again := errors.AsType[*driver.Retryable](err)
		require.True(t, again, "%v", err)
	}
	a, err := w.Commit(t.Context())
	require.NoError(t, err)
	require.Equal(t, "9", a.Version)
	require.Len(t, b.bodies, 3)
	for _, body := range b.bodies {
		require.Contains(t, body, strings.Repeat("\x00", 7))
	}
	require.NoError(t, w.Abort(t.Context()))
}

// TestRefusedTooOften: the SDK asks for a minute for the end of an upload by parts, and then there is nothing to ask again with.
func TestRefusedTooOften(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		b := &busy{refusals: 100}
		w := b.upload(t, 2*part+1)
		began := time.Now()
		_, err := w.Commit(t.Context())
		require.InDelta(t, time.Minute, time.Since(began), float64(31*time.Second), "the longest wait between two")
		require.Greater(t, len(b.bodies), 1)
		unknown, is := errors.AsType[*driver.Unknown](err)
		require.True(t, is, "%v", err)
		require.ErrorIs(t, unknown, driver.ErrUnavailable)
		_, again := errors.AsType[*driver.Retryable](err)
		require.False(t, again, "%v", err)
		require.NoError(t, w.Abort(t.Context()))
	})
}
