package troubletest

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/faultproxy"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
)

func readItems() []item {
	return []item{
		{"refusals_are_retried", refusalsAreRetried},
		{"retries_are_bounded", retriesAreBounded},
		{"retries_have_jitter", retriesHaveJitter},
		{"retry_after_is_kept", retryAfterIsKept},
		{"reset_before_an_answer", resetBeforeAnswer},
		{"cut_body_resumes_at_its_offset", cutBodyResumes},
		{"reset_body_resumes", resetBodyResumes},
		{"replaced_while_cut_is_ErrChanged", replacedWhileCut},
		{"short_body_with_matching_length", shortBody},
		{"flipped_byte_is_found_by_checksum", flippedByte},
		{"stalled_body_ends_with_its_context", stalledBody},
		{"silent_server_ends_with_the_context", silentServer},
		{"late_answer_is_hedged", lateAnswer},
	}
}

func refusalsAreRetried(p *place) {
	p.put("f", pattern(100))
	for _, status := range p.h.Passing {
		p.Reset()
		for _, kind := range []string{Get, Head, List} {
			p.meet(kind, 2, p.h.Refuse(status, 0))
		}
		_, err := p.s.Stat(p.Context(), "f")
		require.NoError(p, err, status)
		got, err := p.readAll("f", "", 100)
		require.NoError(p, err, status)
		require.Equal(p, pattern(100), got)
		page, err := p.s.ListPage(p.Context(), ufs.ListOptions{})
		require.NoError(p, err, status)
		require.Len(p, page.Entries, 1)
		for kind, n := range p.Counts() {
			require.Equal(p, attempts, n, "%s, %d", kind, status)
		}
	}
}

func retriesAreBounded(p *place) {
	p.put("f", pattern(100))
	for _, status := range p.h.Passing {
		p.Reset()
		p.meet(Get, 0, p.h.Refuse(status, 0))
		_, err := p.readAll("f", "", 100)
		require.Error(p, err, status)
		require.NotErrorIs(p, err, driver.ErrNotExist, status)
		require.Equal(p, attempts, p.Counts()[Get], status)
	}
}

// retriesHaveJitter lets 16 readers fail at the same time: they must not come back at the same time.
func retriesHaveJitter(p *place) {
	const readers = 16
	p = p.h.place(p.TB, &ufs.Options{Attempts: 2, BaseDelay: 400 * time.Millisecond, MaxDelay: 400 * time.Millisecond, DisableBreaker: true, DisableHedge: true})
	var mu sync.Mutex
	var at []time.Time
	p.On(faultproxy.Rule{Kinds: []string{Get}, Match: func(*http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		at = append(at, time.Now())
		return true
	}, Fault: p.h.Refuse(503, 0)})
	var wg sync.WaitGroup
	for range readers {
		wg.Go(func() { p.s.ReadAt(p.Context(), "f", "", make([]byte, 1), 0) })
	}
	wg.Wait()
	slices.SortFunc(at, time.Time.Compare)
	require.Len(p, at, 2*readers)
	// Of 16 times in 400 ms the first and the last are 150 ms apart, but for one run in 100,000.
	require.Greater(p, at[2*readers-1].Sub(at[readers]), 150*time.Millisecond, "second tries come together")
}

func retryAfterIsKept(p *place) {
	p.put("f", pattern(100))
	p.meet(Get, 1, p.h.Refuse(503, time.Second))
	began := time.Now()
	_, err := p.readAll("f", "", 100)
	require.NoError(p, err)
	require.GreaterOrEqual(p, time.Since(began), time.Second)
}

func resetBeforeAnswer(p *place) {
	p.put("f", pattern(100))
	p.meet(Get, 2, faultproxy.Reset())
	got, err := p.readAll("f", "", 100)
	require.NoError(p, err)
	require.Equal(p, pattern(100), got)
	require.GreaterOrEqual(p, p.Counts()[Get], 3, "net/http may send a GET again by itself")
}

const resumed = 3 << 20

// rangeOf is what a request to read asks for; Azure has a header of its own.
func rangeOf(r *http.Request) string {
	if s := r.Header.Get("X-Ms-Range"); s != "" {
		return s
	}
	return r.Header.Get("Range")
}

func cutBodyResumes(p *place) {
	data := pattern(2 * resumed)
	p.put("f", data)
	version := p.version("f")
	gets := p.watch(Get)
	p.meet(Get, 1, faultproxy.Cut(resumed))
	got, err := p.readAll("f", version, len(data))
	require.NoError(p, err)
	require.True(p, bytes.Equal(data, got))
	require.Len(p, gets(), 2)
	require.True(p, strings.HasPrefix(rangeOf(gets()[1]), fmt.Sprintf("bytes=%d-", resumed)), "%q", rangeOf(gets()[1]))
	for _, r := range gets() {
		require.True(p, p.h.Pinned(r, version), "%s %s without the version %s", r.Method, r.URL, version)
	}
}

// resetBodyResumes loses what was on its way as well.
func resetBodyResumes(p *place) {
	data := pattern(2 * resumed)
	p.put("f", data)
	p.meet(Get, 1, faultproxy.ResetAfter(resumed))
	got, err := p.readAll("f", "", len(data))
	require.NoError(p, err)
	require.True(p, bytes.Equal(data, got))
	require.Equal(p, 2, p.Counts()[Get])
}

func replacedWhileCut(p *place) {
	data := pattern(2 * resumed)
	p.put("f", data)
	version := p.version("f")
	p.meet(Get, 1, faultproxy.CutThen(resumed, func() {
		p.put("f", data[1:]) // not the same bytes, though most of the same length
	}))
	got, err := p.readAll("f", version, len(data))
	require.ErrorIs(p, err, driver.ErrChanged)
	require.True(p, bytes.Equal(data[:len(got)], got), "a mixture")
}

func shortBody(p *place) {
	data := pattern(1 << 20)
	p.put("f", data)
	p.meet(Get, 1, faultproxy.Short(1000))
	got, err := p.readAll("f", "", len(data))
	require.NoError(p, err)
	require.True(p, bytes.Equal(data, got))
	p.meet(Get, 0, faultproxy.Short(1000))
	got, err = p.readAll("f", "", len(data))
	require.True(p, err != nil || len(got) == len(data), "%d bytes of %d and no error", len(got), len(data))
	require.True(p, bytes.Equal(data[:len(got)], got))
}

// flippedByte reads what the driver wrote: a store keeps the sum that it was sent.
func flippedByte(p *place) {
	const size = 1000
	require.NoError(p, p.write(p.Context(), "f", size))
	p.meet(Get, 1, faultproxy.Flip(size/2))
	_, err := p.readAll("f", "", size)
	require.ErrorIs(p, err, driver.ErrChecksum)
	got, err := p.readAll("f", "", size)
	require.NoError(p, err)
	require.Equal(p, pattern(size), got)
}

func stalledBody(p *place) {
	p.put("f", pattern(1<<20))
	p.endsSoon(faultproxy.Stall(100))
}

func silentServer(p *place) {
	p.put("f", pattern(100))
	p.endsSoon(faultproxy.Silence())
}

// toKnow is how many answers a store has seen when it first knows which are late.
const toKnow = 64

// lateAnswer delays one answer, when the store knows how long they take: it is asked for once more.
func lateAnswer(p *place) {
	p = p.h.place(p.TB, &ufs.Options{Attempts: 1})
	data := pattern(1000)
	p.put("f", data)
	version := p.version("f")
	ask := func() {
		got := make([]byte, 100)
		_, err := p.s.ReadAt(p.Context(), "f", version, got, 50)
		require.NoError(p, err)
		require.Equal(p, data[50:150], got)
	}
	for range toKnow {
		ask()
	}
	require.Zero(p, p.s.Metrics().Hedges)
	p.Reset()
	p.meet(Get, 1, faultproxy.Delay(time.Minute))
	began := time.Now()
	ask()
	require.Less(p, time.Since(began), time.Minute/2)
	m := p.s.Metrics()
	require.EqualValues(p, 1, m.Hedges)
	require.EqualValues(p, 1, m.HedgesWon)
	require.Equal(p, 2, p.Counts()[Get], "once more, and no oftener")
}
