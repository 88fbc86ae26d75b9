package gcsufs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/gcsufs"
)

// answerer is a service that exists in the test alone.
type answerer func(r *http.Request) (*http.Response, error)

func (f answerer) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close()
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return nil, err
		}
	}
	return f(r)
}

// say makes an answer, with Google's reason for what is wrong.
func say(r *http.Request, status int, reason string, header ...string) (*http.Response, error) {
	h := http.Header{"Content-Type": {"application/json"}}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	body := fmt.Sprintf(`{"error": {"code": %d, "message": "hunter2", "errors": [{"reason": %q}]}}`, status, reason)
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

// told opens a store on a service that is f.
func told(t testing.TB, f answerer, o ufs.Options) *ufs.Store {
	s, err := gcsufs.Open(t.Context(), "box", "p", &gcsufs.Options{Client: &http.Client{Transport: f}, PartSize: part, UFS: &o})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func create(ctx context.Context, s *ufs.Store, o ufs.CreateOptions) error {
	w, err := s.Create(ctx, "f", o)
	if err != nil {
		return err
	}
	_, err = w.Commit(ctx)
	return err
}

// TestErrors is the table of the package's description.
func TestErrors(t *testing.T) {
	for _, c := range []struct {
		status     int
		reason     string
		read, make error // of a read with a version, of a create with IfAbsent
	}{
		{404, "notFound", driver.ErrChanged, driver.ErrInvalid},
		{412, "conditionNotMet", driver.ErrChanged, driver.ErrExist},
		{403, "forbidden", driver.ErrPermission, driver.ErrPermission},
		{401, "required", driver.ErrPermission, driver.ErrPermission},
		{400, "invalid", driver.ErrInvalid, driver.ErrInvalid},
		{409, "conflict", nil, nil},
	} {
		s := told(t, func(r *http.Request) (*http.Response, error) { return say(r, c.status, c.reason) }, ufs.Options{Attempts: 1})
		_, _, err := s.Open(t.Context(), "f", 0, -1, "7")
		isOnly(t, err, c.read)
		err = create(t.Context(), s, ufs.CreateOptions{IfAbsent: true})
		isOnly(t, err, c.make)
		require.False(t, isUnknown(err), "%d: what the server refused did not happen", c.status)
	}
}

// isOnly asserts that err has one condition and no other, none for nil, and none of the server's text.
func isOnly(t *testing.T, err, want error) {
	t.Helper()
	require.Error(t, err)
	require.NotContains(t, err.Error(), "hunter2")
	for _, e := range []error{driver.ErrNotExist, driver.ErrExist, driver.ErrChanged, driver.ErrPermission, driver.ErrInvalid} {
		require.Equal(t, e == want, errors.Is(err, e), "%v is %v", err, e)
	}
}

func isUnknown(err error) bool { _, is := errors.AsType[*driver.Unknown](err); return is }

// TestMissingBucket: the files of a bucket that is not there were not deleted.
func TestMissingBucket(t *testing.T) {
	s := told(t, func(r *http.Request) (*http.Response, error) { return say(r, 404, "notFound") }, ufs.Options{Attempts: 1})
	_, err := s.Stat(t.Context(), "f")
	isOnly(t, err, driver.ErrInvalid)
}

func TestThrottled(t *testing.T) {
	for status, reason := range map[int]string{503: "backendError", 429: "rateLimitExceeded", 403: "userRateLimitExceeded"} {
		var asked atomic.Int64
		s := told(t, func(r *http.Request) (*http.Response, error) {
			asked.Add(1)
			return say(r, status, reason, "Retry-After", "7")
		}, ufs.Options{Attempts: 1})
		_, err := s.Stat(t.Context(), "f")
		require.EqualValues(t, 1, asked.Load(), "the SDK does not repeat")
		later, ok := errors.AsType[*driver.Retryable](err)
		require.True(t, ok, "%v", err)
		require.Equal(t, 7*time.Second, later.After)
		require.False(t, isUnknown(create(t.Context(), s, ufs.CreateOptions{})), "a server that is busy did nothing")
	}
}

// TestUnknown: a change whose answer is lost may have happened; a read has no such doubt. The URL of an upload stays out
// of errors.
func TestUnknown(t *testing.T) {
	lost := func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }
	broken := func(r *http.Request) (*http.Response, error) { return say(r, 500, "internalError") }
	for _, f := range []answerer{lost, broken} {
		s := told(t, f, ufs.Options{Attempts: 1})
		err := create(t.Context(), s, ufs.CreateOptions{})
		require.True(t, isUnknown(err), "%v", err)
		require.NotContains(t, err.Error(), "http")
		_, err = s.Stat(t.Context(), "f")
		require.Error(t, err)
		require.False(t, isUnknown(err))
	}
}

func TestClockIsNamed(t *testing.T) {
	for off, want := range map[time.Duration]bool{time.Minute: false, 20 * time.Minute: true, -20 * time.Minute: true} {
		s := told(t, func(r *http.Request) (*http.Response, error) {
			return say(r, 401, "authError", "Date", time.Now().Add(off).UTC().Format(http.TimeFormat))
		}, ufs.Options{Attempts: 1})
		_, err := s.Stat(t.Context(), "f")
		require.ErrorIs(t, err, driver.ErrPermission)
		require.Equal(t, want, strings.Contains(err.Error(), "this machine's clock is"), "%v: %v", off, err)
	}
}

// TestCutBodies: a service that cuts every body is asked as often as package ufs wants, and the reader hears of it.
func TestCutBodies(t *testing.T) {
	var asked atomic.Int64
	s := told(t, func(r *http.Request) (*http.Response, error) {
		asked.Add(1)
		h := http.Header{"X-Goog-Generation": {"7"}}
		return &http.Response{StatusCode: 200, ContentLength: 9, Header: h, Request: r, Body: io.NopCloser(io.MultiReader(failing{}))}, nil
	}, ufs.Options{Attempts: 3, BaseDelay: 1, MaxDelay: 1})
	rc, _, err := s.Open(t.Context(), "f", 0, -1, "7")
	require.NoError(t, err)
	defer rc.Close()
	_, err = io.ReadAll(rc)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.LessOrEqual(t, asked.Load(), int64(6))
	require.Greater(t, asked.Load(), int64(1))
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
