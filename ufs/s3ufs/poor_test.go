package s3ufs_test

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/faultproxy"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/s3ufs"
)

// refusing lets a proxy refuse what match picks, as an older store does, and counts how often.
func (v *trouble) refusing(status int, code string, match func(*http.Request) bool) *atomic.Int32 {
	n := new(atomic.Int32)
	v.On(faultproxy.Rule{Match: func(r *http.Request) bool {
		hit := match(r)
		if hit {
			n.Add(1)
		}
		return hit
	}, Fault: faultproxy.S3Error(status, code, 0)})
	return n
}

// TestServerLacks is about stores that are like S3: what they lack is asked for once.
func TestServerLacks(t *testing.T) {
	notAtOld(t, "s3api lacks these by itself, TestOldServer meets them")
	t.Run("conditional_PUT", func(t *testing.T) {
		v := newTrouble(t, s3ufs.Options{})
		asked := v.refusing(501, "NotImplemented", func(r *http.Request) bool { return r.Header.Get("If-None-Match") != "" })
		require.NoError(t, createNew(t, v.store, "a"))
		first := asked.Load() // once more without a checksum: the refusal does not say what it is about
		require.LessOrEqual(t, first, int32(2))
		for _, key := range []string{"b", "c"} {
			require.NoError(t, createNew(t, v.store, key))
			require.ErrorIs(t, createNew(t, v.store, key), driver.ErrExist)
		}
		require.Equal(t, first, asked.Load(), "never again")
		require.False(t, v.store.Caps().IfAbsent)
	})
	t.Run("conditional_replacement", func(t *testing.T) {
		v := newTrouble(t, s3ufs.Options{})
		asked := v.refusing(501, "NotImplemented", func(r *http.Request) bool { return r.Header.Get("If-Match") != "" })
		was, err := writeFile(t, v.store, "f", pattern(100))
		require.NoError(t, err)
		begin := func() *ufs.Writer {
			w, err := v.store.Create(t.Context(), "f", ufs.CreateOptions{IfVersion: was.Version})
			require.NoError(t, err)
			_, err = w.Write(pattern(200))
			require.NoError(t, err)
			return w
		}
		first, second := begin(), begin()
		_, err = first.Commit(t.Context())
		require.NoError(t, err, "it is looked at before")
		met := asked.Load()
		require.Positive(t, met)
		_, err = second.Commit(t.Context())
		require.ErrorIs(t, err, driver.ErrChanged, "and found to be another")
		require.Equal(t, met, asked.Load(), "never again")
		require.False(t, v.store.Caps().ReplaceVersion)
		require.True(t, v.store.Caps().IfAbsent)
		_, err = v.store.Create(t.Context(), "f", ufs.CreateOptions{IfVersion: was.Version})
		require.ErrorIs(t, err, driver.ErrUnsupported)
		got, _ := v.get(t, v.prefix+"f")
		require.Equal(t, pattern(200), got)
	})
	t.Run("checksums", func(t *testing.T) {
		v := newTrouble(t, s3ufs.Options{})
		asked := v.refusing(400, "InvalidRequest", func(r *http.Request) bool {
			return r.Header.Get("X-Amz-Checksum-Crc32c") != "" || r.Header.Get("X-Amz-Checksum-Algorithm") == "CRC32C"
		})
		for size, key := range map[int]string{100: "small", 12 << 20: "parts"} {
			_, err := writeFile(t, v.store, key, pattern(size))
			require.NoError(t, err)
			got, _ := v.get(t, v.prefix+key)
			require.Equal(t, pattern(size), got)
		}
		require.EqualValues(t, 1, asked.Load())
	})
	t.Run("conditional_deletion", func(t *testing.T) {
		v := newTrouble(t, s3ufs.Options{})
		asked := v.refusing(501, "NotImplemented", func(r *http.Request) bool {
			return r.Method == http.MethodDelete && r.Header.Get("If-Match") != ""
		})
		for range 2 {
			a, err := writeFile(t, v.store, "f", pattern(100))
			require.NoError(t, err)
			require.NotEmpty(t, a.Version)
			require.NoError(t, v.store.Delete(t.Context(), "f"))
			v.nothing(t, "f")
		}
		require.EqualValues(t, 1, asked.Load(), "once, and never again")
	})
	t.Run("batch_delete", func(t *testing.T) {
		v := newTrouble(t, s3ufs.Options{})
		v.meet("batch", 0, faultproxy.S3Error(400, "InvalidRequest", 0))
		for range 2 {
			for _, key := range []string{"a", "b"} {
				v.put(t, v.prefix+key, nil)
			}
			require.Empty(t, v.store.DeleteBatch(t.Context(), []string{"a", "b"}))
			_, there := v.get(t, v.prefix+"a")
			require.False(t, there)
		}
		require.Equal(t, 1, v.Counts()["batch"])
		require.Zero(t, v.store.Caps().BatchDelete)
	})
}

func createNew(t *testing.T, s *ufs.Store, key string) error {
	w, err := s.Create(t.Context(), key, ufs.CreateOptions{IfAbsent: true})
	require.NoError(t, err)
	_, err = w.Commit(t.Context())
	return err
}

// TestServerCopyByParts copies what is too large for one request.
func TestServerCopyByParts(t *testing.T) {
	v := newTrouble(t, s3ufs.Options{CopyWhole: 5 << 20})
	v.put(t, v.prefix+"large", pattern(12<<20))
	a, err := v.store.Copy(t.Context(), "large", "copy", "")
	require.NoError(t, err)
	require.EqualValues(t, 12<<20, a.Size)
	got, _ := v.get(t, v.prefix+"copy")
	require.Equal(t, pattern(12<<20), got)
	require.Equal(t, 3, v.Counts()["copypart"])
	require.Equal(t, 1, v.Counts()["complete"])

	v.meet("copypart", 0, faultproxy.S3Error(403, "AccessDenied", 0))
	_, err = v.store.Copy(t.Context(), "large", "other", "")
	require.ErrorIs(t, err, driver.ErrPermission)
	v.nothing(t, "other")
}

// TestServerConditionalCompletion: the condition of absence holds for an upload by parts as for a small one.
func TestServerConditionalCompletion(t *testing.T) {
	notAtOld(t, "s3api lacks these by itself, TestOldServer meets them")
	v := newTrouble(t, s3ufs.Options{})
	for i, want := range []error{nil, driver.ErrExist} {
		w, err := v.store.Create(t.Context(), "f", ufs.CreateOptions{IfAbsent: true})
		require.NoError(t, err)
		_, err = w.Write(pattern(12<<20 + i))
		require.NoError(t, err)
		_, err = w.Commit(t.Context())
		require.ErrorIs(t, err, want)
	}
	got, _ := v.get(t, v.prefix+"f")
	require.Equal(t, pattern(12<<20), got)
	require.Equal(t, 2, v.Counts()["complete"])
	require.Zero(t, v.uploads(t, v.prefix), "parts are left")
}

// TestServerBatchOfThousand: S3 takes 1,000 names in a request, and we ask for no more requests than that.
func TestServerBatchOfThousand(t *testing.T) {
	notAtOld(t, "s3api lacks these by itself, TestOldServer meets them")
	v := newTrouble(t, s3ufs.Options{})
	var names []string
	for i := range 1003 {
		names = append(names, fmt.Sprintf("dir/f%04d", i))
	}
	v.fill(t, names, nil)
	v.Reset()
	require.Empty(t, v.store.DeleteBatch(t.Context(), names))
	require.Equal(t, requests{"batch": 2}, v.Counts())
	page, err := v.store.ListPage(t.Context(), ufs.ListOptions{})
	require.NoError(t, err)
	require.Empty(t, page.Entries)
}
