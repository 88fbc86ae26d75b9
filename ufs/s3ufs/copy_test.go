package s3ufs_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/faultproxy"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/s3ufs"
)

// copies is a store in memory that has one large object and copies it by parts.
type copies struct {
	do map[string]func(n int, r *http.Request) (status int, body string) // the n-th request of a kind, from 1; default: what S3 says
	mu struct {
		sync.Mutex
		n requests
	}
}

const copied = 12 << 20 // 3 parts

func (c *copies) RoundTrip(r *http.Request) (*http.Response, error) {
	kind := faultproxy.S3(r)
	c.mu.Lock()
	if c.mu.n == nil {
		c.mu.n = requests{}
	}
	c.mu.n[kind]++
	n := c.mu.n[kind]
	c.mu.Unlock()
	status, body := http.StatusOK, map[string]string{
		"begin":    `<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>`,
		"copypart": `<CopyPartResult><ETag>"1"</ETag></CopyPartResult>`,
		"complete": `<CompleteMultipartUploadResult><ETag>"1"</ETag></CompleteMultipartUploadResult>`,
	}[kind]
	if do := c.do[kind]; do != nil {
		if s, b := do(n, r); s != 0 {
			status, body = s, b
		}
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	resp := &http.Response{StatusCode: status, Header: http.Header{"Etag": {`"1"`}}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r}
	if kind == "head" {
		resp.ContentLength = copied
		resp.Header.Set("Content-Length", fmt.Sprint(copied))
	}
	return resp, nil
}

func (c *copies) counts() requests {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.n
}

// copy copies the object within 5 s.
func (c *copies) copy(t *testing.T) (ufs.Attr, error) {
	s, err := s3ufs.Open(t.Context(), "box", "p", &s3ufs.Options{
		Anonymous: true, CopyWhole: 5 << 20, HTTPClient: &http.Client{Transport: c}, UFS: &ufs.Options{Attempts: 1, DisableHedge: true},
	})
	require.NoError(t, err)
	defer s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	return s.Copy(ctx, "large", "copy", "")
}

func slowDown(int, *http.Request) (int, string) {
	return http.StatusServiceUnavailable, `<Error><Code>SlowDown</Code></Error>`
}

// once is what do says to the first request of its kind.
func once(do func(int, *http.Request) (int, string)) func(int, *http.Request) (int, string) {
	return func(n int, r *http.Request) (int, string) {
		if n > 1 {
			return 0, ""
		}
		return do(n, r)
	}
}

// silent says nothing until the request is given up.
func silent(_ int, r *http.Request) (int, string) {
	<-r.Context().Done()
	return 0, ""
}

// TestCopyByParts: of up to 10,000 parts one may be refused for now, and so may the completion.
func TestCopyByParts(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		c := &copies{do: map[string]func(int, *http.Request) (int, string){"copypart": once(slowDown), "complete": once(slowDown)}}
		a, err := c.copy(t)
		require.NoError(t, err)
		require.EqualValues(t, copied, a.Size)
		require.Equal(t, requests{"head": 1, "begin": 1, "copypart": 3 + 1, "complete": 1 + 1}, c.counts())
	})
}

// TestCopyByPartsFails: then the parts are dropped; once more where one may arrive after that.
func TestCopyByPartsFails(t *testing.T) {
	forbidden := func(int, *http.Request) (int, string) {
		return http.StatusForbidden, `<Error><Code>AccessDenied</Code></Error>`
	}
	for name, test := range map[string]struct {
		part   func(int, *http.Request) (int, string)
		says   string
		aborts int
	}{
		"no answer to speak of": {func(int, *http.Request) (int, string) { return http.StatusOK, "" }, "without an ETag", 1},
		"an answer without ETag": {func(int, *http.Request) (int, string) {
			return http.StatusOK, `<CopyPartResult></CopyPartResult>`
		}, "without an ETag", 1},
		"one refused, others done": {func(n int, r *http.Request) (int, string) {
			if n < 3 {
				return 0, ""
			}
			time.Sleep(time.Second)
			return forbidden(n, r)
		}, driver.ErrPermission.Error(), 1},
		"one refused, others cut": {func(n int, r *http.Request) (int, string) {
			if n < 3 {
				return silent(n, r)
			}
			return forbidden(n, r)
		}, driver.ErrPermission.Error(), 2},
		"silent": {silent, context.DeadlineExceeded.Error(), 2},
	} {
		t.Run(name, func(t *testing.T) {
			bubbletest.Test(t, func(t *testing.T) {
				c := &copies{do: map[string]func(int, *http.Request) (int, string){"copypart": test.part}}
				_, err := c.copy(t)
				require.ErrorContains(t, err, test.says)
				require.Equal(t, test.aborts, c.counts()["abort"])
				require.Zero(t, c.counts()["complete"])
			})
		})
	}
}

// TestCopyByPartsEnds: a store that does not answer to the drop either holds its caller for a second, and Close for another.
func TestCopyByPartsEnds(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		c := &copies{do: map[string]func(int, *http.Request) (int, string){"copypart": silent, "abort": silent}}
		began := time.Now()
		_, err := c.copy(t)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 7*time.Second, time.Since(began))
	})
}
