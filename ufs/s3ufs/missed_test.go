package s3ufs_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/faultproxy"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/s3ufs"
)

// missing answers that there is no such object: as Swift's s3api does, or as others do.
func missing(swift bool) faultproxy.Fault { return saying("NoSuchKey", swift) }

func saying(code string, swift bool) faultproxy.Fault {
	h := http.Header{"Content-Type": {"application/xml"}}
	if swift {
		h.Set("X-Openstack-Request-Id", "tx1")
	}
	return faultproxy.Answer(http.StatusNotFound, h, "<Error><Code>"+code+"</Code></Error>")
}

// TestServerMissed: Swift misses an object that is being replaced. It is asked once more before it is believed, and no other store is.
func TestServerMissed(t *testing.T) {
	v := newTrouble(t, s3ufs.Options{CopyWhole: 5 << 20})
	ctx := t.Context()
	v.put(t, v.prefix+"f", pattern(100))
	v.put(t, v.prefix+"large", pattern(12<<20))
	is, err := v.store.Stat(ctx, "f")
	require.NoError(t, err)
	open := func(version string) error {
		rc, _, err := v.store.Open(ctx, "f", 10, 20, version)
		if err == nil {
			err = rc.Close()
		}
		return err
	}
	for _, c := range []struct {
		name, kind string
		do         func() error
		once       requests // Swift has it the second time
		gone       requests // nor then
		others     requests // it is gone at another store
	}{
		{"stat", "head", func() error { _, err := v.store.Stat(ctx, "f"); return err },
			requests{"head": 2}, requests{"head": 2, "list": 1}, requests{"head": 1, "list": 1}},
		{"a range", "get", func() error { return open("") },
			requests{"get": 2}, requests{"get": 2, "list": 1}, requests{"get": 1, "list": 1}},
		{"a range of a version", "get", func() error { return open(is.Version) },
			requests{"get": 2}, requests{"get": 2}, requests{"get": 1}},
		{"a copy", "copy", func() error { _, err := v.store.Copy(ctx, "f", "copy", is.Version); return err },
			requests{"head": 1, "copy": 2}, requests{"head": 1, "copy": 2}, requests{"head": 1, "copy": 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			meet := func(times int, f faultproxy.Fault) error {
				v.Reset()
				v.meet(c.kind, times, f)
				return c.do()
			}
			require.NoError(t, meet(1, missing(true)))
			require.Equal(t, c.once, v.Counts())
			require.ErrorIs(t, meet(0, missing(true)), driver.ErrNotExist)
			require.Equal(t, c.gone, v.Counts(), "gone")
			require.ErrorIs(t, meet(0, missing(false)), driver.ErrNotExist)
			require.Equal(t, c.others, v.Counts(), "gone elsewhere")
		})
	}
	t.Run("a copy whose source s3api takes for the bucket", func(t *testing.T) {
		v.Reset()
		v.meet("copy", 1, saying("NoSuchBucket", true))
		_, err := v.store.Copy(ctx, "f", "copy", "")
		require.NoError(t, err)
	})
	t.Run("a copy by parts", func(t *testing.T) {
		v.Reset()
		v.meet("copypart", 1, missing(true))
		_, err := v.store.Copy(ctx, "large", "copy", "")
		require.NoError(t, err)
		require.Equal(t, requests{"head": 1, "begin": 1, "copypart": 4, "complete": 1}, v.Counts())
	})
}

// TestServerMissedWhereItIs: who creates does not take for absent what Swift misses once.
func TestServerMissedWhereItIs(t *testing.T) {
	v := newTrouble(t, s3ufs.Options{})
	v.put(t, v.prefix+"f", pattern(100))
	v.refusing(501, "NotImplemented", func(r *http.Request) bool { return r.Header.Get("If-None-Match") != "" })
	v.meet("head", 1, missing(true))
	require.ErrorIs(t, createNew(t, v.store, "f"), driver.ErrExist)
	got, _ := v.get(t, v.prefix+"f")
	require.Equal(t, pattern(100), got)
}
