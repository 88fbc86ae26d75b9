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

// TestAnswerThatBreaksOff: a store's answer ends before it has said all. A refusal is asked about again; a success, after which others may
// have written the names anew, is not.
func TestAnswerThatBreaksOff(t *testing.T) {
	for status, c := range map[int]struct {
		says string
		asks int32
	}{
		http.StatusBadRequest: {`<Error><Code>Inv`, 2},
		http.StatusOK:         {`<DeleteResult><Err`, 1},
	} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			var asked atomic.Int32
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				if asked.Add(1) > 1 {
					w.Write([]byte(`<DeleteResult></DeleteResult>`))
					return
				}
				w.Header().Set("Content-Length", "500")
				w.WriteHeader(status)
				io.WriteString(w, c.says)
				w.(http.Flusher).Flush()
				panic(http.ErrAbortHandler)
			}))
			t.Cleanup(srv.Close)
			s, err := s3ufs.Open(t.Context(), "b", "p/", &s3ufs.Options{Endpoint: srv.URL, Region: "us-east-1", PathStyle: true, Anonymous: true})
			require.NoError(t, err)
			t.Cleanup(func() { s.Close() })
			failed := s.DeleteBatch(t.Context(), []string{"f", "g"})
			require.Equal(t, c.asks, asked.Load(), "%v", failed)
			require.Equal(t, c.asks == 1, len(failed) == 2, "%v", failed)
		})
	}
}
