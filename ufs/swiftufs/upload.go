package swiftufs

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/ncw/swift/v2"

	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/objects"
)

// Put sends what fits one segment whole, else segments and a manifest that names them.
func (b *bucket) Put(ctx context.Context, name string, o objects.PutOptions) (objects.Upload, error) {
	return b.parts.Upload(ctx, &large{b: b, name: name, absent: o.IfAbsent}, o.Size), nil
}

// large is one upload. Its segments lie below a name of their own, so that two uploads do not meet.
type large struct {
	b      *bucket
	name   string
	absent bool
	id     string
	mu     struct {
		sync.Mutex
		segments map[int]segment // that were sent, whether they arrived or not
	}
}

// segment is one as a manifest names it.
type segment struct {
	Path string `json:"path"` // container/name
	ETag string `json:"etag"`
	Size int64  `json:"size_bytes"`
}

// put stores an object whose bytes Swift compares with their MD5.
func (b *bucket) put(ctx context.Context, container, name string, content *objects.Body, h swift.Headers) (*http.Response, string, error) {
	tag := hex.EncodeToString(content.Sum(md5.New()))
	h["Content-Length"], h["Etag"] = strconv.FormatInt(content.Len(), 10), tag
	h["Content-Type"] = "application/octet-stream"
	r, err := b.call(ctx, swift.RequestOpts{Container: container, ObjectName: name, Operation: "PUT", Headers: h, Body: content.Reader(), NoResponse: true})
	return r, tag, err
}

func (u *large) headers() swift.Headers {
	if u.absent {
		return swift.Headers{"If-None-Match": "*"}
	}
	return swift.Headers{}
}

// published says what came of a request that publishes. Its one condition is that of absence, and what it does not find
// is no file. A 202 says that Swift keeps what is there, which is newer by its servers' clocks: it is asked again, by a later time.
func published(ctx context.Context, r *http.Response, err error) error {
	if err == nil && r.StatusCode == http.StatusAccepted {
		return &driver.Retryable{Err: errors.New("swift answered 202: what it has is newer than this write by its servers' clocks")}
	}
	if e, ok := errors.AsType[*swift.Error](err); ok {
		switch e.StatusCode {
		case http.StatusPreconditionFailed:
			return fmt.Errorf("%w: it is there already", driver.ErrExist)
		case http.StatusNotFound:
			return fmt.Errorf("%w: there is no such container", driver.ErrInvalid)
		}
	}
	return changed(ctx, err)
}

func (u *large) Whole(ctx context.Context, content *objects.Body) (objects.Object, error) {
	old, err := u.b.segmentsOf(ctx, u.name)
	if err != nil {
		return objects.Object{}, err
	}
	r, tag, err := u.b.put(ctx, u.b.container, u.name, content, u.headers())
	if err = published(ctx, r, err); err != nil {
		return objects.Object{}, err
	}
	_ = u.b.deleteSegments(ctx, old) // published all the same; what stays is not seen
	return objects.Object{Name: u.name, Size: content.Len(), ModTime: date(r), Version: tag}, nil
}

// date is when Swift says that it stored an object.
func date(r *http.Response) time.Time {
	t, _ := http.ParseTime(r.Header.Get("Last-Modified"))
	return t
}

// Begin makes the container of segments; that it is there is no error to Swift.
func (u *large) Begin(ctx context.Context) error {
	u.id, u.mu.segments = rand.Text(), map[int]segment{}
	_, err := u.b.call(ctx, swift.RequestOpts{Container: u.b.segments(), Operation: "PUT", NoResponse: true})
	return read(err)
}

func (u *large) Part(ctx context.Context, n int, content *objects.Body) error {
	name := fmt.Sprintf("%s/millpond/%s/%05d", u.name, u.id, n)
	sum := hex.EncodeToString(content.Sum(md5.New()))
	u.mu.Lock()
	u.mu.segments[n] = segment{u.b.segments() + "/" + name, sum, content.Len()}
	u.mu.Unlock()
	_, _, err := u.b.put(ctx, u.b.segments(), name, content, swift.Headers{})
	return read(err)
}

func (u *large) Finish(ctx context.Context, parts int) (objects.Object, error) {
	old, err := u.b.segmentsOf(ctx, u.name)
	if err != nil {
		return objects.Object{}, err
	}
	manifest := make([]segment, parts)
	for i := range manifest {
		manifest[i] = u.mu.segments[i+1]
	}
	body, err := json.Marshal(manifest)
	if err != nil {
		return objects.Object{}, err
	}
	h := u.headers()
	h["Content-Length"] = strconv.Itoa(len(body))
	r, err := u.b.call(ctx, swift.RequestOpts{
		Container: u.b.container, ObjectName: u.name, Operation: "PUT", Headers: h, Body: bytes.NewReader(body), NoResponse: true,
		Parameters: url.Values{"multipart-manifest": {"put"}},
	})
	if err = published(ctx, r, err); err != nil {
		return objects.Object{}, err
	}
	_ = u.b.deleteSegments(ctx, old) // published all the same; what stays is not seen
	o, err := u.b.Head(ctx, u.name)
	if err != nil {
		return objects.Object{}, &driver.Unknown{Err: err}
	}
	return o, nil
}

// Drop deletes all segments that were sent. One that Swift is still storing goes, too: its date is older than the
// DELETE's, and the newer one wins.
func (u *large) Drop(ctx context.Context) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	var all []string
	for _, s := range u.mu.segments {
		all = append(all, s.Path)
	}
	return u.b.deleteSegments(ctx, all)
}
