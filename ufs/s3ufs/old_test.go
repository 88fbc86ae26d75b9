package s3ufs_test

import (
	"bytes"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/faultproxy"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/s3ufs"
)

// isOld reports whether the server is Swift's s3api, which has S3's API of ten years ago.
func isOld() bool { return os.Getenv("MILLPOND_S3_KIND") == "s3api" }

// notAtOld skips what that server cannot do.
func notAtOld(tb testing.TB, defect string) {
	tb.Helper()
	if isOld() {
		tb.Skip("known: " + defect)
	}
}

const (
	tellsNoSums     = "s3api tells no checksums"
	unsignedIsSwift = "s3api leaves unsigned requests to Swift's own API, which answers 400"
)

// learn lets a store find out what an old server lacks, so that tests count what comes after.
func learn(tb testing.TB, s *ufs.Store, o s3ufs.Options) {
	tb.Helper()
	keys := []string{"learn-whole", "learn-parts"}
	for i, f := range []struct {
		size int64
		o    ufs.CreateOptions
	}{{0, ufs.CreateOptions{IfAbsent: true}}, {max(o.PartSize, 5<<20) + 1, ufs.CreateOptions{}}} {
		w, err := s.Create(tb.Context(), keys[i], f.o)
		require.NoError(tb, err)
		_, err = w.Write(pattern(int(f.size)))
		require.NoError(tb, err)
		_, err = w.Commit(tb.Context())
		require.NoError(tb, err)
	}
	require.Empty(tb, s.DeleteBatch(tb.Context(), keys))
	require.False(tb, s.Caps().IfAbsent)
	require.Zero(tb, s.Caps().BatchDelete)
}

// TestOldServer is about what Swift's s3api refuses, or does wrong: each is met once, and never asked for again.
func TestOldServer(t *testing.T) {
	for name, f := range map[string]func(*testing.T, *trouble){
		"conditional_PUT_is_NotImplemented":        oldConditionalPut,
		"conditional_completion_is_InvalidRequest": oldConditionalCompletion,
		"sums_in_a_completion_are_MalformedXML":    oldSumsInCompletion,
		"DeleteObjects_is_InvalidRequest":          oldDeleteObjects,
		"nothing_is_sent_aws_chunked":              oldChunked,
		"the_answer_to_a_HEAD_has_a_rest_after_it": oldRestOfHead,
		"what_is_missing_is_asked_for_twice":       oldMissing,
		"no_checksum_is_told":                      oldTellsNoSums,
		"unsigned_requests_are_Swifts":             oldUnsigned,
	} {
		t.Run(name, func(t *testing.T) {
			v := realServer(t)
			if !isOld() {
				t.Skip("MILLPOND_S3_KIND is not s3api: make test-servers STORES=s3api starts that server")
			}
			p, err := faultproxy.Start(v.endpoint, faultproxy.S3)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, p.Close()) })
			prefix := place()
			f(t, &trouble{server: v, Proxy: p, prefix: prefix, store: v.openNew(t, prefix, s3ufs.Options{Endpoint: p.URL(), PartSize: 5 << 20, UFS: quick()})})
		})
	}
}

// conditions counts the requests with If-None-Match.
func (v *trouble) conditions() *atomic.Int32 {
	n := new(atomic.Int32)
	v.On(faultproxy.Rule{Match: func(r *http.Request) bool {
		if r.Header.Get("If-None-Match") != "" {
			n.Add(1)
		}
		return false
	}})
	return n
}

func oldConditionalPut(t *testing.T, v *trouble) {
	asked := v.conditions()
	require.NoError(t, createNew(t, v.store, "a"))
	require.EqualValues(t, 2, asked.Load(), "with and without a checksum: the refusal does not say what it is about")
	require.False(t, v.store.Caps().IfAbsent)
	require.ErrorIs(t, createNew(t, v.store, "a"), driver.ErrExist)
	require.NoError(t, createNew(t, v.store, "b"))
	require.EqualValues(t, 2, asked.Load(), "never again")
}

// oldConditionalCompletion: the condition holds, but an InvalidRequest says so, and not a 412.
func oldConditionalCompletion(t *testing.T, v *trouble) {
	create := func(content []byte) error {
		w, err := v.store.Create(t.Context(), "a", ufs.CreateOptions{IfAbsent: true})
		require.NoError(t, err)
		_, err = w.Write(content)
		require.NoError(t, err)
		_, err = w.Commit(t.Context())
		if err != nil {
			require.NoError(t, w.Abort(t.Context()))
		}
		return err
	}
	asked := v.conditions()
	require.NoError(t, create(pattern(6<<20)))
	require.ErrorIs(t, create(pattern(7<<20)), driver.ErrExist)
	require.Positive(t, asked.Load())
	got, _ := v.get(t, v.prefix+"a")
	require.Equal(t, pattern(6<<20), got)
	require.Zero(t, v.uploads(t, v.prefix))

	require.NoError(t, createNew(t, v.store, "b"))
	asked.Store(0)
	require.ErrorIs(t, create(pattern(7<<20)), driver.ErrExist)
	require.Zero(t, asked.Load(), "a conditional PUT was refused before: no condition is tried again")
}

func oldSumsInCompletion(t *testing.T, v *trouble) {
	for _, completions := range []int{2, 1} {
		v.Reset()
		_, err := writeFile(t, v.store, "f", pattern(12<<20))
		require.NoError(t, err)
		require.Equal(t, requests{"begin": 1, "part": 3, "complete": completions}, v.Counts())
		got, _ := v.get(t, v.prefix+"f")
		require.Equal(t, pattern(12<<20), got)
	}
}

func oldDeleteObjects(t *testing.T, v *trouble) {
	for range 2 {
		for _, key := range []string{"a", "b"} {
			v.put(t, v.prefix+key, nil)
		}
		require.Empty(t, v.store.DeleteBatch(t.Context(), []string{"a", "b"}))
		_, there := v.get(t, v.prefix+"a")
		require.False(t, there)
	}
	require.Equal(t, requests{"batch": 1, "delete": 4, "head": 2}, v.Counts(), "heads: is the file there that is to go")
	require.Zero(t, v.store.Caps().BatchDelete)
}

// oldChunked: a body with a trailer would be stored with its frames by a server that does not know them.
func oldChunked(t *testing.T, v *trouble) {
	var mu sync.Mutex
	var chunked []string
	v.On(faultproxy.Rule{Match: func(r *http.Request) bool {
		for _, h := range []string{"Content-Encoding", "X-Amz-Trailer", "X-Amz-Content-Sha256"} {
			if s := r.Header.Get(h); strings.Contains(s, "aws-chunked") || strings.Contains(s, "STREAMING") || h == "X-Amz-Trailer" && s != "" {
				mu.Lock()
				defer mu.Unlock()
				chunked = append(chunked, r.Method+" "+h+": "+s)
			}
		}
		return false
	}})
	for key, size := range map[string]int{"small": 1000, "parts": 12 << 20} {
		_, err := writeFile(t, v.store, key, pattern(size))
		require.NoError(t, err)
		got, _ := v.get(t, v.prefix+key)
		require.Equal(t, pattern(size), got)
	}
	require.Empty(t, chunked)
}

// oldRestOfHead: without a proxy between, which would read the rest.
func oldRestOfHead(t *testing.T, v *trouble) {
	s := v.openNew(t, v.prefix, s3ufs.Options{UFS: &ufs.Options{Attempts: 1, DisableHedge: true}})
	_, err := s.Stat(t.Context(), "missing") // shows what it is like
	require.ErrorIs(t, err, driver.ErrNotExist)
	var wg sync.WaitGroup
	errs := make(chan error, 300)
	for range 3 {
		wg.Go(func() {
			for range 100 {
				_, err := s.Stat(t.Context(), "missing") // a HEAD, then a listing
				errs <- err
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		require.ErrorIs(t, err, driver.ErrNotExist)
	}
}

// oldMissing: the server's answers show that it is Swift, which may miss what is being replaced.
func oldMissing(t *testing.T, v *trouble) {
	_, err := v.store.Stat(t.Context(), "missing")
	require.ErrorIs(t, err, driver.ErrNotExist)
	require.Equal(t, requests{"head": 2, "list": 1}, v.Counts())
}

// oldTellsNoSums shows tellsNoSums, past the driver. When it fails the items that are known for it can be asserted.
func oldTellsNoSums(t *testing.T, v *trouble) {
	name := v.prefix + "f"
	_, err := v.client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &v.bucket, Key: &name, Body: bytes.NewReader(pattern(100)), ChecksumAlgorithm: types.ChecksumAlgorithmCrc32c})
	require.NoError(t, err)
	out, err := v.client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &v.bucket, Key: &name, ChecksumMode: types.ChecksumModeEnabled})
	require.NoError(t, err)
	defer out.Body.Close()
	for _, sum := range []*string{out.ChecksumCRC32, out.ChecksumCRC32C, out.ChecksumCRC64NVME, out.ChecksumSHA1, out.ChecksumSHA256} {
		require.Nil(t, sum)
	}
}

// oldUnsigned shows unsignedIsSwift, without any client.
func oldUnsigned(t *testing.T, v *trouble) {
	v.put(t, v.prefix+"f", pattern(100))
	resp, err := http.Get(v.endpoint + "/" + v.bucket + "/" + v.prefix + "f")
	require.NoError(t, err)
	defer http.DefaultClient.CloseIdleConnections()
	defer resp.Body.Close()
	require.Equal(t, http.StatusBadRequest, resp.StatusCode, "S3 answers 403")
}
