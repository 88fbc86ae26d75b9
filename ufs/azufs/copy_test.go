package azufs_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/azufs"
	"github.com/millpond/millpond/ufs/driver"
)

// slowCopy is a service that copies for ever, and says nothing to who wants that to stop, or that it has just ended.
type slowCopy struct {
	stops int
	ended bool
}

func (s *slowCopy) RoundTrip(r *http.Request) (*http.Response, error) {
	h, status := http.Header{"X-Ms-Copy-Id": {"1"}, "X-Ms-Copy-Status": {"pending"}}, http.StatusOK
	switch {
	case r.URL.Query().Get("comp") == "copy":
		s.stops++
		if s.ended {
			h.Set("X-Ms-Error-Code", "NoPendingCopyOperation")
			return &http.Response{StatusCode: http.StatusConflict, Header: h, Body: http.NoBody, Request: r}, nil
		}
		<-r.Context().Done()
		return nil, r.Context().Err()
	case r.Method == http.MethodPut: // begins the copy
		status = http.StatusAccepted
	}
	return &http.Response{StatusCode: status, Header: h, Body: http.NoBody, Request: r}, nil
}

// TestCopyEnds: within a look or between two, a copy whose caller is gone is told to stop, and a service that does not answer to that is waited for behind.
func TestCopyEnds(t *testing.T) {
	for name, within := range map[string]time.Duration{"between looks": 5*time.Second + 100*time.Millisecond, "in a look": 5 * time.Second} {
		t.Run(name, func(t *testing.T) { copyEnds(t, &slowCopy{}, within, time.Second) })
		t.Run(name+", and it has ended", func(t *testing.T) { copyEnds(t, &slowCopy{ended: true}, within, 0) })
	}
}

func copyEnds(t *testing.T, s *slowCopy, within, more time.Duration) {
	bubbletest.Test(t, func(t *testing.T) {
		st, err := azufs.Open(t.Context(), "box", "p", &azufs.Options{
			Endpoint: "https://store.example/account", Anonymous: true, Client: &http.Client{Transport: s}, UFS: &ufs.Options{Attempts: 1, DisableHedge: true},
		})
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), within)
		defer cancel()
		began := time.Now()
		_, err = st.Copy(ctx, "from", "to", "")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		_, unknown := errors.AsType[*driver.Unknown](err)
		require.True(t, unknown, "%v", err)
		require.Equal(t, within+more, time.Since(began))
		require.NoError(t, st.Close())
		require.Equal(t, 1, s.stops)
	})
}
