package httpufs

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/millpond/millpond/ufs/driver"
)

// maxRedirects is what browsers and Go's client follow, too.
const maxRedirects = 10

// maxDrain is what is read of a body that nobody wants, so that its connection can be used again: less than opening one
// costs.
const maxDrain = 4 << 10

// at is the URL of a key; of a directory with a '/' at the end.
func (s *store) at(key string, dir bool) (*url.URL, error) {
	if !driver.ValidKey(key) {
		return nil, fmt.Errorf("%w: key %q", driver.ErrInvalid, key)
	}
	u := *s.base
	if key == "" {
		return &u, nil
	}
	u.Path += key
	parts := strings.Split(key, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	u.RawPath = s.base.EscapedPath() + strings.Join(parts, "/")
	if dir {
		u.Path += "/"
		u.RawPath += "/"
	}
	return &u, nil
}

// answer is a response, and whether it is of the URL with a '/' more or less at its end than was asked for: of the
// directory of that name, or of the file.
type answer struct {
	*http.Response
	slash bool // a redirect to the same path with the other ending; not followed
}

// do makes a request and follows redirects within the host. Whoever gets an answer closes its body.
func (s *store) do(ctx context.Context, method string, u *url.URL, h http.Header) (*answer, error) {
	for range maxRedirects + 1 {
		req, err := http.NewRequestWithContext(ctx, method, u.String(), nil)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", driver.ErrInvalid, err)
		}
		for _, from := range []http.Header{s.header, h} {
			for name, values := range from {
				req.Header[http.CanonicalHeaderKey(name)] = values
			}
		}
		req.Header.Set("Accept-Encoding", "identity")
		resp, err := s.client.Do(req)
		if err != nil {
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			return nil, err
		}
		next, err := redirect(resp, u)
		if next == nil && err == nil {
			return &answer{Response: resp}, nil
		}
		discard(resp.Body)
		switch {
		case err != nil:
			return nil, err
		case strings.TrimSuffix(next.Path, "/") == strings.TrimSuffix(u.Path, "/") && next.Path != u.Path:
			return &answer{Response: resp, slash: true}, nil
		}
		u = next
	}
	return nil, fmt.Errorf("%w: more than %d redirects", driver.ErrUnsupported, maxRedirects)
}

// redirect is where a response sends to; nil if nowhere.
func redirect(resp *http.Response, from *url.URL) (*url.URL, error) {
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return nil, nil
	}
	to, err := from.Parse(resp.Header.Get("Location"))
	if err != nil || resp.Header.Get("Location") == "" {
		return nil, fmt.Errorf("%w: %s to nowhere", driver.ErrUnsupported, resp.Status)
	}
	upgrade := from.Scheme == "http" && to.Scheme == "https" && from.Port() == "" && to.Port() == ""
	if !strings.EqualFold(to.Hostname(), from.Hostname()) || !upgrade && (to.Scheme != from.Scheme || to.Port() != from.Port()) {
		return nil, fmt.Errorf("%w: redirect to %s://%s, another server; mount that if it is meant", driver.ErrUnsupported, to.Scheme, to.Host)
	}
	return to, nil
}

// discard ends a body.
func discard(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, maxDrain)
	body.Close()
}
