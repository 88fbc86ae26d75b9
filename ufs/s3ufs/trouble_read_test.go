package s3ufs_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/faultproxy"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/s3ufs"
)

func TestServerTroubleReading(t *testing.T) {
	for name, f := range map[string]func(*testing.T){
		"retry_after_is_kept":                      retryAfterIsKept,
		"flipped_byte_is_found_by_checksum":        flippedByte,
		"flipped_byte_is_fetched_again_by_cachefs": flippedByteCached,
		"refusals_are_retried":                     refusalsAreRetried,
		"retries_are_bounded":                      retriesAreBounded,
		"retries_have_jitter":                      retriesHaveJitter,
		"reset_before_an_answer":                   resetBeforeAnswer,
		"cut_body_resumes_at_its_offset":           cutBodyResumes,
		"reset_body_resumes":                       resetBodyResumes,
		"replaced_while_cut_is_ErrChanged":         replacedWhileCut,
		"short_body_with_matching_length":          shortBody,
		"flipped_byte_of_a_range_has_no_checksum":  flippedRange,
		"stalled_body_ends_with_its_context":       stalledBody,
		"silent_server_ends_with_the_context":      silentServer,
	} {
		t.Run(name, f)
	}
}

// refusals of S3 that pass.
func refusals() map[string]faultproxy.Fault {
	return map[string]faultproxy.Fault{
		"500": faultproxy.S3Error(500, "InternalError", 0),
		"503": faultproxy.S3Error(503, "SlowDown", 0),
		"429": faultproxy.S3Error(429, "TooManyRequests", 0),
		"502": faultproxy.Answer(502, nil, "no XML"),
	}
}

func refusalsAreRetried(t *testing.T) {
	for name, f := range refusals() {
		v := newTrouble(t, s3ufs.Options{})
		v.put(t, v.prefix+"f", pattern(100))
		for _, kind := range []string{"get", "head", "list"} {
			v.meet(kind, 2, f)
		}
		got, err := v.readAll(t, "f", "")
		require.NoError(t, err, name)
		require.Equal(t, pattern(100), got)
		_, err = v.store.ListPage(t.Context(), ufs.ListOptions{})
		require.NoError(t, err, name)
		require.Equal(t, map[string]int{"head": 3, "get": 3, "list": 3}, v.Counts(), name)
	}
}

func retriesAreBounded(t *testing.T) {
	for name, f := range refusals() {
		v := newTrouble(t, s3ufs.Options{})
		v.put(t, v.prefix+"f", pattern(100))
		v.meet("get", 0, f)
		_, err := v.readAll(t, "f", "")
		later := new(driver.Retryable)
		require.ErrorAs(t, err, &later, name)
		require.Equal(t, 3, v.Counts()["get"], name)
	}
}

// retriesHaveJitter lets 16 readers fail at the same time: they must not come back at the same time.
func retriesHaveJitter(t *testing.T) {
	const readers = 16
	v := newTrouble(t, s3ufs.Options{UFS: &ufs.Options{Attempts: 2, BaseDelay: 400 * time.Millisecond, MaxDelay: 400 * time.Millisecond, BreakerFailures: 1000}})
	var mu sync.Mutex
	var at []time.Time
	v.On(faultproxy.Rule{Kinds: []string{"get"}, Match: func(*http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		at = append(at, time.Now())
		return true
	}, Fault: faultproxy.S3Error(503, "SlowDown", 0)})
	var wg sync.WaitGroup
	for range readers {
		wg.Go(func() { v.store.ReadAt(t.Context(), "f", "", make([]byte, 1), 0) })
	}
	wg.Wait()
	slices.SortFunc(at, time.Time.Compare)
	require.Len(t, at, 2*readers)
	require.Greater(t, at[2*readers-1].Sub(at[readers]), 50*time.Millisecond, "second tries come together")
}

func resetBeforeAnswer(t *testing.T) {
	v := newTrouble(t, s3ufs.Options{})
	v.put(t, v.prefix+"f", pattern(100))
	v.meet("get", 2, faultproxy.Reset())
	got, err := v.readAll(t, "f", "")
	require.NoError(t, err)
	require.Equal(t, pattern(100), got)
	require.GreaterOrEqual(t, v.Counts()["get"], 3, "net/http may send a GET again by itself")
}

const resumed = 3 << 20

func cutBodyResumes(t *testing.T) {
	v := newTrouble(t, s3ufs.Options{})
	data := pattern(2 * resumed)
	v.put(t, v.prefix+"f", data)
	a, err := v.store.Stat(t.Context(), "f")
	require.NoError(t, err)
	gets := v.watch("get")
	v.meet("get", 1, faultproxy.Cut(resumed))
	got, err := v.readAll(t, "f", a.Version)
	require.NoError(t, err)
	require.Equal(t, data, got)
	require.Len(t, gets(), 2)
	for i, from := range []int{0, resumed} {
		require.Equal(t, fmt.Sprintf("bytes=%d-%d", from, 2*resumed-1), gets()[i].Get("Range"))
		require.Equal(t, `"`+a.Version+`"`, gets()[i].Get("If-Match"))
	}
}

// resetBodyResumes loses what was on its way as well.
func resetBodyResumes(t *testing.T) {
	v := newTrouble(t, s3ufs.Options{})
	data := pattern(2 * resumed)
	v.put(t, v.prefix+"f", data)
	v.meet("get", 1, faultproxy.ResetAfter(resumed))
	got, err := v.readAll(t, "f", "")
	require.NoError(t, err)
	require.Equal(t, data, got)
	require.Equal(t, 2, v.Counts()["get"])
}

func replacedWhileCut(t *testing.T) {
	v := newTrouble(t, s3ufs.Options{})
	data := pattern(2 * resumed)
	v.put(t, v.prefix+"f", data)
	a, err := v.store.Stat(t.Context(), "f")
	require.NoError(t, err)
	v.meet("get", 1, faultproxy.CutThen(resumed, func() {
		v.put(t, v.prefix+"f", data[1:]) // not the same bytes, though most of the same length
	}))
	got, err := v.readAll(t, "f", a.Version)
	require.ErrorIs(t, err, driver.ErrChanged)
	require.Equal(t, data[:len(got)], got, "never a mixture")
}

func shortBody(t *testing.T) {
	v := newTrouble(t, s3ufs.Options{})
	data := pattern(1 << 20)
	v.put(t, v.prefix+"f", data)
	v.meet("get", 1, faultproxy.Short(1000))
	got, err := v.readAll(t, "f", "")
	require.NoError(t, err)
	require.Equal(t, data, got)
	v.meet("get", 0, faultproxy.Short(1000))
	got, err = v.readAll(t, "f", "")
	require.True(t, err != nil || len(got) == len(data), "%d bytes of %d and no error", len(got), len(data))
	require.Equal(t, data[:len(got)], got)
}

// flippedRange says what is not promised: S3 has no checksum of a range.
func flippedRange(t *testing.T) {
	v := newTrouble(t, s3ufs.Options{})
	_, err := writeFile(t, v.store, "f", pattern(100_000))
	require.NoError(t, err)
	p := make([]byte, 1000)
	n, err := v.store.ReadAt(t.Context(), "f", "", p, 500)
	require.NoError(t, err, "the whole object's checksum is not held against a range")
	require.Equal(t, pattern(100_000)[500:1500], p[:n])
}

func stalledBody(t *testing.T) {
	v := newTrouble(t, s3ufs.Options{})
	v.put(t, v.prefix+"f", pattern(1<<20))
	v.meet("get", 0, faultproxy.Stall(100))
	v.endsSoon(t, v.store)
}

func silentServer(t *testing.T) {
	v := newTrouble(t, s3ufs.Options{})
	v.put(t, v.prefix+"f", pattern(100))
	v.meet("get", 0, faultproxy.Silence())
	v.endsSoon(t, v.store)
}

// endsSoon asserts that a read ends with its context.
func (v *trouble) endsSoon(t *testing.T, s *ufs.Store) {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := s.ReadAt(ctx, "f", "", make([]byte, 1<<20), 0)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func flippedByte(t *testing.T) {
	notAtOld(t, tellsNoSums)
	v := newTrouble(t, s3ufs.Options{})
	_, err := writeFile(t, v.store, "f", pattern(100_000))
	require.NoError(t, err)
	v.meet("get", 1, faultproxy.Flip(50_000))
	_, err = v.readAll(t, "f", "")
	require.ErrorIs(t, err, driver.ErrChecksum)
	got, err := v.readAll(t, "f", "")
	require.NoError(t, err)
	require.Equal(t, pattern(100_000), got)
}

func flippedByteCached(t *testing.T) {
	notAtOld(t, tellsNoSums)
	v := newTrouble(t, s3ufs.Options{})
	data := pattern(100_000)
	_, err := writeFile(t, v.store, "f", data)
	require.NoError(t, err)
	n := cachefstest.New(t, 1, func(c *cachefs.Config) { c.Mounts = []cachefs.MountConfig{{Path: "/b", Store: v.store}} }).Node()
	f, err := n.Open(t.Context(), "/b/f", nil)
	require.NoError(t, err)
	defer f.Close()
	gets := v.watch("get")
	v.meet("get", 1, faultproxy.Flip(50_000))
	got := make([]byte, len(data))
	_, err = f.ReadAt(got, 0)
	require.NoError(t, err)
	require.Equal(t, data, got)
	require.Len(t, gets(), 2)
}

func retryAfterIsKept(t *testing.T) {
	v := newTrouble(t, s3ufs.Options{})
	v.put(t, v.prefix+"f", pattern(100))
	v.meet("get", 1, faultproxy.S3Error(503, "SlowDown", time.Second))
	began := time.Now()
	_, err := v.readAll(t, "f", "")
	require.NoError(t, err)
	require.GreaterOrEqual(t, time.Since(began), time.Second)
}
