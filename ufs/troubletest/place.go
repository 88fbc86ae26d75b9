package troubletest

import (
	"bytes"
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/faultproxy"
	"github.com/millpond/millpond/ufs"
)

// pattern is n bytes that differ from place to place.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i ^ i>>8 ^ i>>16)
	}
	return b
}

// put writes a file past the driver.
func (p *place) put(key string, data []byte) {
	p.Helper()
	p.h.Put(p.TB, p.s, key, data)
}

// meet lets the next times requests of a kind, 0 for all, meet a fault.
func (p *place) meet(kind string, times int, f faultproxy.Fault) {
	p.On(faultproxy.Rule{Kinds: []string{kind}, Times: times, Fault: f})
}

// watch keeps the requests of a kind.
func (p *place) watch(kind string) func() []*http.Request {
	var mu sync.Mutex
	var seen []*http.Request
	p.On(faultproxy.Rule{Kinds: []string{kind}, Match: func(r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, r.Clone(context.WithoutCancel(r.Context())))
		return false
	}})
	return func() []*http.Request { mu.Lock(); defer mu.Unlock(); return seen }
}

// readAll reads a file whose size is known.
func (p *place) readAll(key, version string, size int) ([]byte, error) {
	rc, _, err := p.s.Open(p.Context(), key, 0, int64(size), version)
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	var b bytes.Buffer
	_, err = b.ReadFrom(rc)
	return b.Bytes(), err
}

// version is what a file has now.
func (p *place) version(key string) string {
	p.Helper()
	a, err := p.s.Stat(p.Context(), key)
	require.NoError(p, err)
	return a.Version
}

// write creates a file through the store.
func (p *place) write(ctx context.Context, key string, size int) error {
	w, err := p.s.Create(ctx, key, ufs.CreateOptions{})
	require.NoError(p, err)
	if _, err = w.Write(pattern(size)); err == nil {
		_, err = w.Commit(ctx)
	}
	if err != nil {
		_ = w.Abort(context.WithoutCancel(ctx)) // what is left is asserted
	}
	return err
}

// writeSoon is write for 5 s: an SDK may go on for longer.
func (p *place) writeSoon(key string, size int) error {
	ctx, cancel := context.WithTimeout(p.Context(), 5*time.Second)
	defer cancel()
	return p.write(ctx, key, size)
}

// sizes of files that are published by a request of a kind each.
func (p *place) sizes() map[string]int { return map[string]int{Put: 1000, Part: 3*p.h.PartSize - 7} }

// nothing asserts that neither a file nor a part of one is there.
func (p *place) nothing(key string) {
	p.Helper()
	_, there := p.h.Get(p.TB, p.s, key)
	require.False(p, there, "published")
	require.Zero(p, p.h.Leftovers(p.TB, p.s), "parts are left")
}

// holds asserts a file's content.
func (p *place) holds(key string, size int) {
	p.Helper()
	got, there := p.h.Get(p.TB, p.s, key)
	require.True(p, there, "published")
	require.True(p, bytes.Equal(pattern(size), got), "%d bytes of %d", len(got), size)
}

// soon is by when a call has to end whose context has ended: late enough for a machine with too much to do.
const soon = 2 * time.Second

// endsSoon lets requests to read meet a fault, and asserts that a read ends with its context, which ends after the first one.
func (p *place) endsSoon(f faultproxy.Fault) {
	p.Helper()
	ctx, cancel := context.WithCancel(p.Context())
	defer cancel()
	p.On(faultproxy.Rule{Kinds: []string{Get}, Fault: f, Match: func(*http.Request) bool {
		time.AfterFunc(300*time.Millisecond, cancel) // when the answer has begun
		return true
	}})
	began := time.Now()
	_, err := p.s.ReadAt(ctx, "f", "", make([]byte, 1<<20), 0)
	require.ErrorIs(p, err, context.Canceled)
	require.Less(p, time.Since(began), soon)
}
