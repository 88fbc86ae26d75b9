package gcsufs_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/gcsufs"
)

// TestLongCopy: Google copies what is large, or lies elsewhere, in several requests, and says with each how to go on. Each
// has the condition on the source. fake-gcs-server copies at once.
func TestLongCopy(t *testing.T) {
	var asked []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		asked = append(asked, q.Get("rewriteToken"))
		if r.Method != http.MethodPost || q.Get("ifSourceGenerationMatch") != "7" {
			t.Errorf("%s %s", r.Method, r.URL)
		}
		w.Header().Set("Content-Type", "application/json")
		if n := len(asked); n < 3 {
			fmt.Fprintf(w, `{"kind":"storage#rewriteResponse","totalBytesRewritten":"%d","objectSize":"300","done":false,"rewriteToken":"t%d"}`, n*100, n)
			return
		}
		fmt.Fprint(w, `{"kind":"storage#rewriteResponse","totalBytesRewritten":"300","objectSize":"300","done":true,"resource":{"name":"p/to","bucket":"box","size":"300","generation":"9"}}`)
	}))
	defer srv.Close()
	d, _, err := gcsufs.OpenDriver(t.Context(), "box", "p", gcsufs.Options{Endpoint: srv.URL, Anonymous: true})
	require.NoError(t, err)
	defer d.Close()
	a, err := d.(driver.Copier).Copy(t.Context(), "from", "to", "7")
	require.NoError(t, err)
	require.Equal(t, []string{"", "t1", "t2"}, asked)
	require.Equal(t, "9", a.Version)
	require.EqualValues(t, 300, a.Size)
}
