package swiftufs

import (
	"cmp"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/ncw/swift/v2"

	"github.com/millpond/millpond/internal/refusal"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/objects"
)

// mostListed is the most names of a page, by Swift's default.
const mostListed = 10_000

// fewestListed is a page that every Swift gives.
const fewestListed = 10

// bucket is a container, and the one beside it that holds segments.
type bucket struct {
	c         *swift.Connection
	container string
	parts     *objects.Parts
	idle      func()
	page      atomic.Int32 // most names of one; 0: mostListed, a Swift that gives fewer has not said so yet
}

func (b *bucket) mostListed() int { return cmp.Or(int(b.page.Load()), mostListed) }

// segments is the container of segments, named as Swift's other clients name it.
func (b *bucket) segments() string { return b.container + "_segments" }

// Features: a condition of absence is a look before the write on each of Swift's servers, so it is not atomic.
func (b *bucket) Features() objects.Features {
	return objects.Features{IfVersion: true, EventualList: true, PageSize: b.mostListed()}
}

func (b *bucket) Close() error {
	b.parts.Close()
	b.idle()
	return nil
}

// call makes a request. The library's only repetition is after a new login.
func (b *bucket) call(ctx context.Context, o swift.RequestOpts) (*http.Response, error) {
	at, err := b.c.GetStorageUrl(ctx)
	if err != nil {
		return nil, err
	}
	o.Retries, o.ErrorMap = 1, swift.ContainerErrorMap                 // a 404 of a login has no name of it
	o.OnReAuth = func() (string, error) { return b.c.StorageUrl, nil } // under the lock that GetStorageUrl wants
	r, h, err := b.c.Call(ctx, at, o)
	if after := refusal.RetryAfter(http.Header{"Retry-After": {h["Retry-After"]}, "Date": {h["Date"]}}); err != nil && after > 0 {
		err = &asked{err, after}
	}
	return r, err
}

// find makes a request that reads an object, and once more if Swift does not find it. Swift lists the object's directory before it
// opens the file in it, and answers 404 to who comes while another file takes that one's place.
func (b *bucket) find(ctx context.Context, o swift.RequestOpts) (*http.Response, error) {
	r, err := b.call(ctx, o)
	if err = read(err); errors.Is(err, driver.ErrNotExist) {
		r, err = b.call(ctx, o)
		err = read(err)
	}
	return r, err
}

func (b *bucket) Head(ctx context.Context, name string) (objects.Object, error) {
	r, err := b.find(ctx, swift.RequestOpts{Container: b.container, ObjectName: name, Operation: "HEAD", NoResponse: true})
	if err != nil {
		return objects.Object{}, err
	}
	return object(name, r, r.ContentLength), nil
}

// object is what an answer's headers say. An error in the date is none of ours: it is then unknown.
func object(name string, r *http.Response, size int64) objects.Object {
	date, _ := http.ParseTime(r.Header.Get("Last-Modified"))
	return objects.Object{Name: name, Size: size, ModTime: date, Version: strings.Trim(r.Header.Get("Etag"), `"`)}
}

func (b *bucket) Get(ctx context.Context, name string, off, n int64, want string) (io.ReadCloser, objects.Object, error) {
	h := swift.Headers{}
	switch {
	case n > 0:
		h["Range"] = fmt.Sprintf("bytes=%d-%d", off, off+n-1)
	case off > 0:
		h["Range"] = fmt.Sprintf("bytes=%d-", off)
	}
	if want != "" {
		h["If-Match"] = `"` + want + `"`
	}
	r, err := b.find(ctx, swift.RequestOpts{Container: b.container, ObjectName: name, Operation: "GET", Headers: h})
	if want != "" && errors.Is(err, driver.ErrNotExist) {
		err = fmt.Errorf("%w: it is gone", driver.ErrChanged)
	}
	if err != nil {
		return nil, objects.Object{}, err
	}
	size := r.ContentLength
	if cr := r.Header.Get("Content-Range"); cr != "" {
		_, all, _ := strings.Cut(cr, "/")
		if size, err = strconv.ParseInt(all, 10, 64); err != nil {
			r.Body.Close()
			return nil, objects.Object{}, fmt.Errorf("swift answered a range without the size: %q", cr)
		}
	}
	o := object(name, r, size)
	o.Sum = sum(o.Version, r.Header)
	return r.Body, o, nil
}

// sum is the MD5 that an object's ETag is; nil for one of segments, whose ETag is made of theirs.
func sum(etag string, h http.Header) *objects.Sum {
	want, err := hex.DecodeString(etag)
	if err != nil || len(want) != md5.Size || h.Get("X-Static-Large-Object") != "" || h.Get("X-Object-Manifest") != "" {
		return nil
	}
	return &objects.Sum{Hash: md5.New(), Want: want}
}

// List asks for smaller pages, and from then on, where Swift is set up to give no larger ones: it answers 412 then.
func (b *bucket) List(ctx context.Context, q objects.Query) (objects.Answer, error) {
	most := b.mostListed()
	for n := most; ; {
		asked := n
		if q.Limit > 0 {
			asked = min(q.Limit, n)
		}
		a, err := b.list(ctx, q, asked)
		if asked <= fewestListed || !errors.Is(err, driver.ErrChanged) {
			if err == nil && n < most {
				b.page.Store(int32(n))
			}
			return a, err
		}
		for ; n >= asked; n /= 10 {
		}
	}
}

// list asks for a page of up to limit names.
func (b *bucket) list(ctx context.Context, q objects.Query, limit int) (objects.Answer, error) {
	o := &swift.ObjectsOpts{Limit: limit, Prefix: q.Prefix, Marker: q.StartAfter}
	if q.Token != "" {
		o.Marker = q.Token
	}
	if q.Delimiter != "" {
		o.Delimiter = '/'
	}
	found, err := b.c.Objects(ctx, b.container, o)
	if err = read(err); errors.Is(err, driver.ErrNotExist) { // does not mean that its files were deleted
		err = fmt.Errorf("%w: there is no container %q", driver.ErrInvalid, b.container)
	}
	if err != nil {
		return objects.Answer{}, err
	}
	var a objects.Answer
	for _, f := range found {
		if f.PseudoDirectory {
			a.Prefixes = append(a.Prefixes, f.Name)
			continue
		}
		version := f.Hash
		if f.SLOHash != "" {
			version = strings.Trim(f.SLOHash, `"`)
		}
		a.Objects = append(a.Objects, objects.Object{Name: f.Name, Size: f.Bytes, ModTime: f.LastModified, Version: version})
	}
	if len(found) == o.Limit {
		a.Token = found[len(found)-1].Name
	}
	return a, nil
}

// Delete takes the segments of a static large object, too.
func (b *bucket) Delete(ctx context.Context, name string) error {
	old, err := b.segmentsOf(ctx, name)
	if err != nil {
		return err
	}
	_, err = b.call(ctx, swift.RequestOpts{Container: b.container, ObjectName: name, Operation: "DELETE", NoResponse: true})
	if err := changed(ctx, err); err != nil {
		return err
	}
	_ = b.deleteSegments(ctx, old) // it is deleted all the same; what stays is not seen
	return nil
}
