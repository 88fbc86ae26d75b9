package gcsufs_test

import (
	"fmt"
	"io"
	"net/http"
	"testing"

	"cloud.google.com/go/storage"
	"github.com/stretchr/testify/require"
	"google.golang.org/api/iterator"
)

// TestServerDefects shows, past the driver, what fake-gcs-server does otherwise than Google. When one of these fails the
// server was mended: the item that is known for it can be asserted.
func TestServerDefects(t *testing.T) {
	s := connect(t)
	stale := storage.Conditions{GenerationMatch: 1}

	t.Run("a_read_ignores_ifGenerationMatch", func(t *testing.T) {
		s.put(t, "f", []byte("new"))
		r, err := s.h.Object("f").If(stale).NewReader(t.Context())
		require.NoError(t, err)
		defer r.Close()
		b, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Equal(t, "new", string(b), "Google answers 412")
	})
	t.Run("a_delete_ignores_ifGenerationMatch", func(t *testing.T) {
		s.put(t, "f", []byte("new"))
		require.NoError(t, s.h.Object("f").If(stale).Delete(t.Context()), "Google answers 412")
		_, err := s.h.Object("f").Attrs(t.Context())
		require.ErrorIs(t, err, storage.ErrObjectNotExist)
	})
	t.Run("a_copy_ignores_ifSourceGenerationMatch", func(t *testing.T) {
		s.put(t, "f", []byte("new"))
		_, err := s.h.Object("to").CopierFrom(s.h.Object("f").If(stale)).Run(t.Context())
		require.NoError(t, err, "Google answers 412")
	})
	t.Run("nobody_is_refused", func(t *testing.T) {
		s.put(t, "f", []byte("new"))
		r, err := http.NewRequest(http.MethodGet, s.endpoint+"/storage/v1/b/"+s.name+"/o/f?alt=media", nil)
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer nobody")
		defer http.DefaultClient.CloseIdleConnections()
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer resp.Body.Close()
		require.Equal(t, http.StatusOK, resp.StatusCode, "Google answers 401")
	})
	t.Run("a_resumable_upload_ignores_its_sum", func(t *testing.T) {
		w := s.h.Object("f").NewWriter(t.Context())
		w.ChunkSize, w.SendCRC32C, w.CRC32C = part, true, 1
		_, err := w.Write(make([]byte, 2*part))
		require.NoError(t, err)
		require.NoError(t, w.Close(), "Google answers 400")
	})
	t.Run("maxResults_counts_no_prefixes", func(t *testing.T) {
		for i := range 5 {
			s.put(t, fmt.Sprintf("dir/f%d", i), nil)
			s.put(t, fmt.Sprintf("dir/d%d/x", i), nil)
		}
		var page []*storage.ObjectAttrs
		_, err := iterator.NewPager(s.h.Objects(t.Context(), &storage.Query{Prefix: "dir/", Delimiter: "/"}), 2, "").NextPage(&page)
		require.NoError(t, err)
		require.Greater(t, len(page), 2, "Google answers 2")
	})
}
