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

// slowCopy is a service that copies for ever, and says nothing to who wants that to stop.
type slowCopy struct{ stops int }

func (s *slowCopy) RoundTrip(r *http.Request) (*http.Response, error) {
	h, status := http.Header{"X-Ms-Copy-Id": {"1"}, "X-Ms-Copy-Status": {"pending"}}, http.StatusOK
	switch {
	case r.URL.Query().Get("comp") == "copy":
		s.stops++
		<-r.Context().Done()
		return nil, r.Context().Err()
	case r.Method == http.MethodPut: // begins the copy
		status = http.StatusAccepted
	}
	return &http.Response{StatusCode: status, Header: h, Body: http.NoBody, Request: r}, nil
}

// TestCopyEnds: within a look or between two, a copy whose caller is gone is told to stop, and a service that does not answer to that is given half a minute.
func TestCopyEnds(t *testing.T) {
	for name, within := range map[string]time.Duration{"between looks": 5*time.Second + 100*time.Millisecond, "in a look": 5 * time.Second} {
		t.Run(name, func(t *testing.T) { copyEnds(t, within) })
	}
}

func copyEnds(t *testing.T, within time.Duration) {
	bubbletest.Test(t, func(t *testing.T) {
		s := &slowCopy{}
		st, err := azufs.Open(t.Context(), "box", "p", &azufs.Options{
			Endpoint: "https://store.example/account", Anonymous: true, Client: &http.Client{Transport: s}, UFS: &ufs.Options{Attempts: 1, DisableHedge: true},
		})
		require.NoError(t, err)
		defer st.Close()
		ctx, cancel := context.WithTimeout(t.Context(), within)
		defer cancel()
		began := time.Now()
		_, err = st.Copy(ctx, "from", "to", "")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		_, unknown := errors.AsType[*driver.Unknown](err)
		require.True(t, unknown, "%v", err)
		require.Equal(t, within+30*time.Second, time.Since(began))
		require.Equal(t, 1, s.stops)
	})
}
