package troubletest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/objects"
	"github.com/millpond/millpond/ufs/objects/objectstest"
)

// depot is a small store of objects that is spoken to by HTTP: objects at /depot/NAME, parts of one at ?part=N, which
// ?parts=N puts together, listings at /depot?prefix=.
type depot struct {
	*httptest.Server
	objects  *objectstest.Bucket
	gullible bool // publishes what arrived of a body that was cut
	mu       sync.Mutex
	parts    map[string]map[int][]byte // of a name
}

func newDepot(t testing.TB) *depot {
	d := &depot{objects: objectstest.New(&objectstest.Options{Sums: true}), parts: map[string]map[int][]byte{}}
	d.Server = httptest.NewServer(http.HandlerFunc(d.serve))
	t.Cleanup(d.Close)
	return d
}

const farOff = 15 * time.Minute // between two clocks that are right

func (d *depot) serve(w http.ResponseWriter, r *http.Request) {
	said, _ := time.Parse(time.RFC3339, r.Header.Get("X-Time"))
	name, is := strings.CutPrefix(r.URL.Path, "/depot")
	name = strings.TrimPrefix(name, "/")
	switch {
	case !is:
		refuse(w, http.StatusNotFound, noDepot)
	case time.Since(said).Abs() > farOff:
		refuse(w, http.StatusForbidden, wrongTime)
	case name == "":
		d.list(w, r)
	case r.Method == http.MethodPut:
		d.put(w, r, name)
	case r.Method == http.MethodPost:
		d.complete(w, r, name)
	case r.Method == http.MethodDelete:
		d.drop(name)
	default:
		d.get(w, r, name)
	}
}

// What refusals say in X-Error beside their status.
const (
	noDepot   = "no depot"
	wrongTime = "wrong time"
)

func refuse(w http.ResponseWriter, status int, why string) {
	w.Header().Set("X-Error", why)
	w.WriteHeader(status)
}

func (d *depot) list(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	a, _ := d.objects.List(r.Context(), objects.Query{Prefix: q.Get("prefix"), Delimiter: q.Get("delimiter")})
	_ = json.NewEncoder(w).Encode(a)
}

// get answers GET and HEAD.
func (d *depot) get(w http.ResponseWriter, r *http.Request, name string) {
	var off, last int64 = 0, -2
	_, _ = fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &off, &last)
	body, o, err := d.objects.Get(r.Context(), name, off, last+1-off, r.Header.Get("If-Match"))
	switch {
	case errors.Is(err, driver.ErrChanged):
		refuse(w, http.StatusPreconditionFailed, "")
	case errors.Is(err, objects.ErrRange):
		refuse(w, http.StatusRequestedRangeNotSatisfiable, "")
	case err != nil:
		refuse(w, http.StatusNotFound, "")
	default:
		b, _ := io.ReadAll(body)
		maps.Copy(w.Header(), http.Header{"Etag": {o.Version}, "X-Sum": {fmt.Sprintf("%x", o.Sum.Want)}, "X-Size": {fmt.Sprint(o.Size)}, "Content-Length": {fmt.Sprint(len(b))}})
		if r.Method == http.MethodGet {
			_, _ = w.Write(b)
		}
	}
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// put takes an object or a part of one. What does not have the sum that came with it is refused.
func (d *depot) put(w http.ResponseWriter, r *http.Request, name string) {
	b, err := io.ReadAll(r.Body)
	isCut := err != nil
	if sum := r.Header.Get("X-Sum"); !(isCut && d.gullible) && (isCut || sum != "" && sum != fmt.Sprintf("%08x", crc32.Checksum(b, castagnoli))) {
		refuse(w, http.StatusBadRequest, "the sum is another")
		return
	}
	part, err := strconv.Atoi(r.URL.Query().Get("part"))
	if err != nil {
		d.publish(w, r, name, b)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.parts[name] == nil {
		d.parts[name] = map[int][]byte{}
	}
	d.parts[name][part] = b
}

func (d *depot) complete(w http.ResponseWriter, r *http.Request, name string) {
	var all bytes.Buffer
	d.mu.Lock()
	n, _ := strconv.Atoi(r.URL.Query().Get("parts"))
	for i := range n {
		all.Write(d.parts[name][i+1])
	}
	delete(d.parts, name)
	d.mu.Unlock()
	d.publish(w, r, name, all.Bytes())
}

func (d *depot) publish(w http.ResponseWriter, r *http.Request, name string, b []byte) {
	d.objects.Set(name, string(b))
	o, err := d.objects.Head(r.Context(), name)
	if err == nil {
		w.Header().Set("Etag", o.Version)
	}
}

func (d *depot) drop(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.parts, name)
}

// leftovers counts the names below a prefix that have parts.
func (d *depot) leftovers(prefix string) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name := range d.parts {
		if strings.HasPrefix(name, prefix) {
			n++
		}
	}
	return n
}

// read reads an object past everything.
func (d *depot) read(t testing.TB, name string) ([]byte, bool) {
	body, _, err := d.objects.Get(t.Context(), name, 0, -1, "")
	if errors.Is(err, driver.ErrNotExist) {
		return nil, false
	}
	require.NoError(t, err)
	b, err := io.ReadAll(body)
	require.NoError(t, err)
	return b, true
}
