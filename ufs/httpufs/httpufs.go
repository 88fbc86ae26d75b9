package httpufs

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
)

func init() {
	ufs.RegisterParser("http", parse)
	ufs.RegisterParser("https", parse)
}

// Options tune Open.
type Options struct {
	Client  *http.Client // its Transport, Jar and Timeout are used; one of its own
	Header  http.Header  // sent with each request; none
	MaxSkip int64        // bytes to drop before a range of a server that knows none; 64 MiB
	UFS     *ufs.Options // of the Store that is handed out; its defaults
}

func parse(u *url.URL) (driver.Place, error) {
	base, err := place(u)
	if err != nil {
		return driver.Place{}, err
	}
	return driver.Place{Open: func(ctx context.Context) (driver.Store, string, error) {
		s, err := open(ctx, base, &Options{})
		if err != nil {
			return nil, "", err
		}
		return s, s.id(), nil
	}}, nil
}

// Open opens the place at rawURL, http(s)://host/dir/, which is asked for whether it can be listed. o may be nil.
func Open(ctx context.Context, rawURL string, o *Options) (*ufs.Store, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", driver.ErrInvalid, err)
	}
	if o == nil {
		o = &Options{}
	}
	var s *store
	base, err := place(u)
	if err == nil {
		s, err = open(ctx, base, o)
	}
	if err != nil {
		return nil, fmt.Errorf("no under store at %q: %w", driver.Shown(u), err)
	}
	return ufs.New(s, s.id(), o.UFS)
}

// store is a driver.Store.
type store struct {
	base    *url.URL // of the place, with a '/' at the end
	client  *http.Client
	own     *http.Transport // closed with the store; nil for a client that was handed in
	header  http.Header
	maxSkip int64
	noList  bool
	indexes indexes
}

func open(ctx context.Context, base *url.URL, o *Options) (*store, error) {
	s := &store{base: base, header: o.Header.Clone(), maxSkip: o.MaxSkip}
	if s.maxSkip == 0 {
		s.maxSkip = 64 << 20
	}
	if s.maxSkip < 0 {
		return nil, fmt.Errorf("%w: MaxSkip %d; want 0 (64 MiB) or more bytes", driver.ErrInvalid, s.maxSkip)
	}
	s.setClient(o.Client)
	if err := s.probe(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// place is the URL that all names are below, one for all spellings.
func place(u *url.URL) (*url.URL, error) {
	if _, err := driver.Query(u); err != nil {
		return nil, err
	}
	scheme := strings.ToLower(u.Scheme)
	switch {
	case scheme != "http" && scheme != "https" || u.Hostname() == "":
		return nil, fmt.Errorf("%w: want http(s)://host/dir/", driver.ErrInvalid)
	case u.User != nil:
		return nil, fmt.Errorf("%w: a user before the host; hand over a Client or a Header that has the credentials", driver.ErrInvalid)
	}
	p := path.Clean("/" + u.Path)
	if p != "/" {
		p += "/"
	}
	return &url.URL{Scheme: scheme, Host: driver.Authority(scheme, u.Host), Path: p}, nil
}

// setClient takes a client, or makes one, that leaves redirects to us.
func (s *store) setClient(c *http.Client) {
	if c == nil {
		s.own = &http.Transport{
			Proxy: http.ProxyFromEnvironment, DisableCompression: true, MaxIdleConnsPerHost: 64, IdleConnTimeout: 90 * time.Second,
			TLSHandshakeTimeout: 10 * time.Second, ForceAttemptHTTP2: true,
		}
		c = &http.Client{Transport: s.own}
	}
	mine := *c
	mine.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	s.client = &mine
}

func (s *store) id() string { return strings.TrimSuffix(s.base.String(), "/") }

func (s *store) Caps() driver.Caps {
	return driver.Caps{ReadOnly: true, IfVersion: true, NoList: s.noList, PageSize: pageSize}
}

func (s *store) Close() error {
	if s.own != nil {
		s.own.CloseIdleConnections()
	}
	return nil
}

// Create is no request: nothing is written over HTTP.
func (s *store) Create(context.Context, string, driver.CreateOptions) (driver.Writer, error) {
	return nil, driver.ErrReadOnly
}

// Delete is none either.
func (s *store) Delete(context.Context, string) error { return driver.ErrReadOnly }
