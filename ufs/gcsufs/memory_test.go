package gcsufs_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/gcsufs"
)

// discard is a service that takes uploads, and remembers how long each is and how its requests were cut.
type discard struct {
	mu     sync.Mutex
	begun  int
	bytes  map[string]int
	counts map[int]int // requests by their bytes
}

func (d *discard) RoundTrip(r *http.Request) (*http.Response, error) {
	n := int64(0)
	if r.Body != nil {
		var err error
		if n, err = io.Copy(io.Discard, r.Body); err != nil {
			return nil, err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	h := http.Header{"Content-Type": {"application/json"}}
	id := r.URL.Query().Get("upload_id")
	if id == "" {
		d.begun++
		h.Set("Location", fmt.Sprintf("%s&upload_id=%d", r.URL, d.begun))
	} else {
		d.bytes[id] += int(n)
		d.counts[int(n)]++
		if !isLast(r) {
			h.Set("X-Http-Status-Code-Override", "308")
			h.Set("Range", fmt.Sprintf("bytes=0-%d", d.bytes[id]-1))
		}
	}
	says := fmt.Sprintf(`{"name":"p/f","size":"%d","generation":"9"}`, d.bytes[id])
	return &http.Response{StatusCode: http.StatusOK, Header: h, Body: io.NopCloser(strings.NewReader(says)), Request: r}, nil
}

// TestOpenUploadsStayWithinTheBound: whatever their number, open uploads have InFlight bytes of memory, and each what Google's smallest
// request takes.
func TestOpenUploadsStayWithinTheBound(t *testing.T) {
	const uploads, bound, size, unit = 32, 6 << 20, 5<<20 + 1, 256 << 10
	service := &discard{bytes: map[string]int{}, counts: map[int]int{}}
	d, _, err := gcsufs.OpenDriver(t.Context(), "box", "p", gcsufs.Options{Client: &http.Client{Transport: service}, PartSize: 1 << 20, InFlight: bound})
	require.NoError(t, err)
	defer d.Close()
	var before, filled runtime.MemStats
	data := make([]byte, size)
	rand.NewChaCha8([32]byte{}).Read(data)
	runtime.GC()
	runtime.ReadMemStats(&before)
	var ws [uploads]driver.Writer
	for i := range ws {
		ws[i], err = d.Create(t.Context(), fmt.Sprint("f", i), driver.CreateOptions{})
		require.NoError(t, err)
	}
	const step = 100_000
	most := uint64(0)
	for off := 0; off < size; off += step { // in turns
		for _, w := range ws {
			_, err := w.Write(data[off:min(off+step, size)])
			require.NoError(t, err)
		}
		runtime.GC()
		runtime.ReadMemStats(&filled)
		most = max(most, filled.HeapAlloc-min(filled.HeapAlloc, before.HeapAlloc))
	}
	require.LessOrEqual(t, most, uint64(bound+uploads*(unit+128<<10)))
	require.Greater(t, most, uint64(bound/2))
	for _, w := range ws {
		a, err := w.Commit(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, size, a.Size)
	}
	require.Len(t, service.bytes, uploads)
	for _, n := range service.bytes {
		require.Equal(t, size, n)
	}
	require.NotZero(t, service.counts[1<<20], "no upload had room for large requests")
	require.NotZero(t, service.counts[unit], "every upload had room for large requests")

	clear(service.counts)
	const alone = 8
	for i := range alone {
		w, err := d.Create(t.Context(), fmt.Sprint("alone", i), driver.CreateOptions{})
		require.NoError(t, err)
		_, err = w.Write(data)
		require.NoError(t, err)
		_, err = w.Commit(t.Context())
		require.NoError(t, err)
	}
	require.Equal(t, map[int]int{1 << 20: 5 * alone, 1: alone}, service.counts, "room was not given back")
}
