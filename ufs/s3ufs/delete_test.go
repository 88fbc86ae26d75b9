package s3ufs_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/faultproxy"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/s3ufs"
)

// TestServerDeletesWhatItSaw: what is replaced between the look and the deletion is looked at again, and stays if that goes on.
func TestServerDeletesWhatItSaw(t *testing.T) {
	v := newTrouble(t, s3ufs.Options{})
	_, err := writeFile(t, v.store, "f", pattern(100))
	require.NoError(t, err)
	replace := func(times int) {
		n := 0
		v.Reset()
		v.On(faultproxy.Rule{Kinds: []string{"delete"}, Times: times, Match: func(r *http.Request) bool {
			if n++; n <= times {
				v.put(t, v.prefix+"f", pattern(100+n))
			}
			return r.Header.Get("If-Match") != ""
		}, Fault: faultproxy.S3Error(412, "PreconditionFailed", 0)})
	}
	replace(3)
	require.ErrorIs(t, v.store.Delete(t.Context(), "f"), driver.ErrChanged)
	got, _ := v.get(t, v.prefix+"f")
	require.Equal(t, pattern(103), got)
	replace(1)
	require.NoError(t, v.store.Delete(t.Context(), "f"))
	v.nothing(t, "f")
	require.Equal(t, 2, v.Counts()["delete"])
}
