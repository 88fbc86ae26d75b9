package s3ufs_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/faultproxy"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/s3ufs"
)

func TestServerTroubleWriting(t *testing.T) {
	for name, f := range map[string]func(*testing.T){
		"refused_upload_is_sent_again":          refusedUpload,
		"cut_upload_publishes_nothing":          cutUpload,
		"cut_part_publishes_nothing":            cutPart,
		"cut_part_is_sent_again":                cutPartOnce,
		"cancelled_upload_publishes_nothing":    cancelledUpload,
		"lost_answer_is_Unknown":                lostAnswer,
		"flipped_byte_of_an_upload_is_refused":  flippedUpload,
		"denied_upload_is_ErrPermission":        deniedUpload,
		"server_error_at_completion_is_Unknown": completionFails,
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

func cutUpload(t *testing.T) {
	v := newTrouble(t, s3ufs.Options{})
	v.meet("put", 0, faultproxy.CutUpload(1000))
	_, err := writeFile(t, v.store, "f", pattern(1<<20))
	require.Error(t, err)
	v.nothing(t, "f")
}

func cutPart(t *testing.T) {
	v := newTrouble(t, s3ufs.Options{})
	v.meet("part", 0, faultproxy.CutUpload(1000))
	_, err := writeFile(t, v.store, "f", pattern(12<<20))
	require.Error(t, err)
	v.nothing(t, "f")
	require.Positive(t, v.Counts()["abort"])
}

func cutPartOnce(t *testing.T) {
	v := newTrouble(t, s3ufs.Options{})
	v.meet("part", 1, faultproxy.CutUpload(1000))
	a, err := writeFile(t, v.store, "f", pattern(12<<20))
	require.NoError(t, err)
	got, there := v.get(t, v.prefix+"f")
	require.True(t, there)
	require.Equal(t, pattern(12<<20), got)
	require.EqualValues(t, 12<<20, a.Size)
	require.Equal(t, map[string]int{"begin": 1, "part": 4, "complete": 1}, v.Counts())
}

func cancelledUpload(t *testing.T) {
	for _, size := range []int{1 << 20, 12 << 20} {
		v := newTrouble(t, s3ufs.Options{})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for _, kind := range []string{"put", "part"} {
			v.meet(kind, 0, faultproxy.Before(cancel))
		}
		w, err := v.store.Create(ctx, "f", ufs.CreateOptions{})
		require.NoError(t, err)
		if _, err = w.Write(pattern(size)); err == nil {
			_, err = w.Commit(ctx)
		}
		require.ErrorIs(t, err, context.Canceled)
		require.NoError(t, w.Abort(t.Context()))
		if size > 5<<20 { // one that fits a request may have arrived whole before it was cancelled
			v.nothing(t, "f")
		}
		require.Zero(t, v.uploads(t, v.prefix))
	}
}

func lostAnswer(t *testing.T) {
	for size, kind := range map[int]string{1 << 20: "put", 12 << 20: "complete"} {
		v := newTrouble(t, s3ufs.Options{})
		v.meet(kind, 0, faultproxy.Lost())
		_, err := writeFile(t, v.store, "f", pattern(size))
		unknown := new(driver.Unknown)
		require.ErrorAs(t, err, &unknown)
		require.Equal(t, 1, v.Counts()[kind], "not made again blindly")
		got, there := v.get(t, v.prefix+"f")
		require.True(t, there, "it was done")
		require.Equal(t, pattern(size), got)
	}
}

// flippedUpload sends other bytes than those that were summed: the store must refuse them, by our checksum or signature.
func flippedUpload(t *testing.T) {
	for size, kind := range map[int]string{1 << 20: "put", 12 << 20: "part"} {
		v := newTrouble(t, s3ufs.Options{})
		v.meet(kind, 0, faultproxy.FlipUpload(5000))
		_, err := writeFile(t, v.store, "f", pattern(size))
		require.Error(t, err)
		v.nothing(t, "f")
	}
}

func deniedUpload(t *testing.T) {
	v := newTrouble(t, s3ufs.Options{})
	v.meet("put", 0, faultproxy.S3Error(403, "AccessDenied", 0))
	_, err := writeFile(t, v.store, "f", pattern(100))
	require.ErrorIs(t, err, driver.ErrPermission)
	unknown := new(driver.Unknown)
	require.NotErrorAs(t, err, &unknown, "it certainly did nothing")
	require.Equal(t, 1, v.Counts()["put"])
	v.nothing(t, "f")
}

func completionFails(t *testing.T) {
	v := newTrouble(t, s3ufs.Options{})
	v.meet("complete", 0, faultproxy.S3Error(500, "InternalError", 0))
	_, err := writeFile(t, v.store, "f", pattern(12<<20))
	unknown := new(driver.Unknown)
	require.ErrorAs(t, err, &unknown)
	_, there := v.get(t, v.prefix+"f")
	require.False(t, there)
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
