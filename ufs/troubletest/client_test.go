package troubletest_test

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/objects"
)

// client is a driver's side of a depot. It is right, but for the one habit that it has.
type client struct {
	url   string // of the depot
	http  *http.Client
	parts *objects.Parts
	habit string           // of the breakages; "" for none
	token func() string    // default: none
	now   func() time.Time // default: time.Now
}

func (c *client) Features() objects.Features {
	return objects.Features{IfVersion: c.habit != "takes no version as a condition", PageSize: 1000}
}

func (c *client) Close() error {
	c.http.CloseIdleConnections()
	return nil
}

// do makes a request, again and again where it has that habit.
func (c *client) do(ctx context.Context, method, path string, body *objects.Body, h http.Header) (*http.Response, error) {
	if c.habit == "forgets its context" {
		late, cancel := context.WithCancel(context.WithoutCancel(ctx))
		time.AfterFunc(3*time.Second, cancel) // or the test would never end
		ctx = late
	}
	times := 1
	if c.habit == "asks again by itself" {
		times = 10
	}
	var resp *http.Response
	var err error
	for n := range times {
		if n > 0 && err == nil {
			break
		}
		resp, err = c.once(ctx, method, path, body, h)
	}
	return resp, err
}

func (c *client) once(ctx context.Context, method, path string, body *objects.Body, h http.Header) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.url+path, nil)
	if err != nil {
		return nil, err
	}
	if body != nil {
		r.Body, r.ContentLength = io.NopCloser(body.Reader()), body.Len()
		if sum := body.Sum(crc32.New(castagnoli)); c.habit != "sends no sums" {
			r.Header.Set("X-Sum", hex.EncodeToString(sum))
		}
	}
	for k := range h {
		r.Header.Set(k, h.Get(k))
	}
	r.Header.Set("X-Time", c.now().Format(time.RFC3339))
	r.Header.Set("Authorization", c.token())
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, c.network(err)
	}
	if err = c.status(resp); err != nil {
		resp.Body.Close()
		return nil, err
	}
	return resp, nil
}

func (c *client) network(err error) error {
	if c.habit == "gives up on a lost connection" {
		return fmt.Errorf("%w: %v", driver.ErrInvalid, err)
	}
	return err
}

// status maps what the depot answers.
func (c *client) status(resp *http.Response) error {
	why := cmp.Or(resp.Header.Get("X-Error"), resp.Status)
	switch s := resp.StatusCode; {
	case s < 300:
		return nil
	case s == http.StatusForbidden && c.habit == "takes what is forbidden for missing", s == http.StatusNotFound && why != noDepot, s == http.StatusNotFound && c.habit == "takes a depot that is gone for files that are":
		return fmt.Errorf("%w: %s", driver.ErrNotExist, why)
	case s == http.StatusForbidden && why == wrongTime && c.habit != "does not say that a clock is wrong":
		return fmt.Errorf("%w: this machine's clock is wrong", driver.ErrPermission)
	case s == http.StatusForbidden, s == http.StatusUnauthorized:
		return driver.ErrPermission
	case s == http.StatusPreconditionFailed:
		return driver.ErrChanged
	case s == http.StatusRequestedRangeNotSatisfiable:
		return objects.ErrRange
	case s == http.StatusNotFound, s == http.StatusBadRequest, c.habit == "gives up on a server that fails":
		return fmt.Errorf("%w: %s", driver.ErrInvalid, why)
	case s == http.StatusServiceUnavailable, s == http.StatusTooManyRequests:
		after, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
		if c.habit == "comes back at once" {
			after = 0
		}
		if c.habit == "gives up on a busy server" {
			return fmt.Errorf("%w: %s", driver.ErrInvalid, why)
		}
		return &driver.Retryable{Err: errors.New(why), After: time.Duration(after) * time.Second}
	}
	return errors.New(why)
}

func object(name string, h http.Header) objects.Object {
	size, _ := strconv.ParseInt(h.Get("X-Size"), 10, 64)
	return objects.Object{Name: name, Version: h.Get("Etag"), Size: size}
}

func (c *client) Head(ctx context.Context, name string) (objects.Object, error) {
	resp, err := c.do(ctx, http.MethodHead, "/"+name, nil, nil)
	if err != nil {
		return objects.Object{}, err
	}
	resp.Body.Close()
	return object(name, resp.Header), nil
}

func (c *client) List(ctx context.Context, q objects.Query) (a objects.Answer, err error) {
	resp, err := c.do(ctx, http.MethodGet, "?"+url.Values{"prefix": {q.Prefix}, "delimiter": {q.Delimiter}}.Encode(), nil, nil)
	if err != nil {
		return a, err
	}
	defer resp.Body.Close()
	return a, json.NewDecoder(resp.Body).Decode(&a)
}

func (c *client) Get(ctx context.Context, name string, off, n int64, version string) (io.ReadCloser, objects.Object, error) {
	h := http.Header{"Range": {fmt.Sprintf("bytes=%d-", off)}}
	if n > 0 {
		h.Set("Range", fmt.Sprintf("bytes=%d-%d", off, off+n-1))
	}
	if c.habit == "reads from the start always" {
		h.Del("Range")
	}
	if version != "" && c.habit != "reads any version" {
		h.Set("If-Match", version)
	}
	resp, err := c.do(ctx, http.MethodGet, "/"+name, nil, h)
	if err != nil {
		return nil, objects.Object{}, err
	}
	o := object(name, resp.Header)
	if c.habit == "reads any version" && version != "" {
		o.Version = version
	}
	if c.habit == "believes the length of an answer" {
		o.Size = off + resp.ContentLength
	}
	if want, err := hex.DecodeString(resp.Header.Get("X-Sum")); err == nil && c.habit != "tells no sums" {
		o.Sum = &objects.Sum{Hash: crc32.New(castagnoli), Want: want}
	}
	return resp.Body, o, nil
}

func (c *client) Delete(context.Context, string) error { return driver.ErrUnsupported }

func (c *client) Put(ctx context.Context, name string, o objects.PutOptions) (objects.Upload, error) {
	return c.parts.Upload(ctx, &multipart{c: c, name: name}, o.Size), nil
}

// multipart is an object on its way.
type multipart struct {
	c     *client
	name  string
	spent bool
}

// change makes a request that publishes: an answer that is lost, or says that the server failed, leaves it open.
func (m *multipart) change(ctx context.Context, method, path string, body *objects.Body) (objects.Object, error) {
	if m.spent {
		return objects.Object{}, context.Canceled
	}
	resp, err := m.c.do(ctx, method, path, body, nil)
	switch {
	case err == nil:
		resp.Body.Close()
		return object(m.name, resp.Header), nil
	case errors.Is(err, driver.ErrPermission), errors.Is(err, driver.ErrInvalid), errors.Is(err, driver.ErrNotExist), m.c.habit == "is sure of what it does not know":
		return objects.Object{}, err
	}
	if _, later := errors.AsType[*driver.Retryable](err); later && m.c.habit == "asks to be called again and lets go" {
		m.spent = true
		return objects.Object{}, err
	} else if later && m.c.habit != "takes a refusal for a lost answer" {
		return objects.Object{}, err
	}
	return objects.Object{}, &driver.Unknown{Err: err}
}

func (m *multipart) Whole(ctx context.Context, body *objects.Body) (objects.Object, error) {
	return m.change(ctx, http.MethodPut, "/"+m.name, body)
}

func (m *multipart) Begin(context.Context) error { return nil }

func (m *multipart) Part(ctx context.Context, n int, body *objects.Body) error {
	resp, err := m.c.do(ctx, http.MethodPut, fmt.Sprintf("/%s?part=%d", m.name, n), body, nil)
	if err == nil {
		resp.Body.Close()
	}
	return err
}

func (m *multipart) Finish(ctx context.Context, parts int) (objects.Object, error) {
	return m.change(ctx, http.MethodPost, fmt.Sprintf("/%s?parts=%d", m.name, parts), objects.NewBody())
}

func (m *multipart) Drop(ctx context.Context) error {
	if m.c.habit == "leaves parts" {
		return nil
	}
	resp, err := m.c.do(ctx, http.MethodDelete, "/"+m.name, nil, nil)
	if err == nil {
		resp.Body.Close()
	}
	return err
}
