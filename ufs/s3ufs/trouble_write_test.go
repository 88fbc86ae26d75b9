package s3ufs_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/faultproxy"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/s3ufs"
)

func TestServerTroubleWriting(t *testing.T) {
	for name, f := range map[string]func(*testing.T){
		"refused_upload_is_sent_again": refusedUpload,
	} {
		t.Run(name, f)
	}
}

// writeFile creates a file through a store.
func writeFile(t *testing.T, s *ufs.Store, key string, data []byte) (ufs.Attr, error) {
	w, err := s.Create(t.Context(), key, ufs.CreateOptions{})
	require.NoError(t, err)
	if _, err := w.Write(data); err != nil {
		require.NoError(t, w.Abort(t.Context()))
		return ufs.Attr{}, err
	}
	return w.Commit(t.Context())
}

// nothing asserts that neither an object nor a part of one is there.
func (v *trouble) nothing(t *testing.T, key string) {
	t.Helper()
	_, there := v.get(t, v.prefix+key)
	require.False(t, there, "published")
	require.Zero(t, v.uploads(t, v.prefix), "parts are left")
}

func refusedUpload(t *testing.T) {
	for size, kinds := range map[int][]string{1 << 20: {"put"}, 12 << 20: {"begin", "part", "complete"}} {
		v := newTrouble(t, s3ufs.Options{})
		for _, kind := range kinds {
			v.meet(kind, 1, faultproxy.S3Error(503, "SlowDown", 0))
		}
		_, err := writeFile(t, v.store, "f", pattern(size))
		require.NoError(t, err)
		got, _ := v.get(t, v.prefix+"f")
		require.Equal(t, pattern(size), got)
	}
}
