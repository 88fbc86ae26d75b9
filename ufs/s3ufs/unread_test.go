package s3ufs_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs/s3ufs"
)

// TestRefusalThatBreaksOff: a store refuses, and its answer ends before it says why. It is asked again.
func TestRefusalThatBreaksOff(t *testing.T) {
	var asked atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if asked.Add(1) > 1 {
			w.Write([]byte(`<DeleteResult></DeleteResult>`))
			return
		}
		w.Header().Set("Content-Length", "500")
		w.WriteHeader(http.StatusBadRequest)
		w.Write([]byte(`<Error><Code>Inv`))
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(srv.Close)
	s, err := s3ufs.Open(t.Context(), "b", "p/", &s3ufs.Options{Endpoint: srv.URL, Region: "us-east-1", PathStyle: true, Anonymous: true})
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	require.Empty(t, s.DeleteBatch(t.Context(), []string{"f", "g"}))
	require.EqualValues(t, 2, asked.Load())
}
