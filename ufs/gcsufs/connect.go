package gcsufs

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"cloud.google.com/go/storage"
	"google.golang.org/api/option"
	htransport "google.golang.org/api/transport/http"

	"github.com/millpond/millpond/ufs/driver"
)

// connect makes the SDK's client over connections of our own, which Close ends.
func connect(ctx context.Context, o Options) (*storage.Client, error) {
	client := o.Client
	if client == nil {
		signed, err := sign(ctx, o)
		if err != nil {
			return nil, err
		}
		client = &http.Client{Transport: signed}
	}
	asIs := *client
	asIs.Transport = media{orDefault(client.Transport)}
	// Its requests are signed already: the SDK would look for credentials once more, ask a metadata service that is not
	// there, and leave a connection to it behind.
	opts := []option.ClientOption{option.WithHTTPClient(&asIs), option.WithoutAuthentication(), option.WithUserAgent("millpond")}
	if o.XMLReads {
		opts = append(opts, storage.WithXMLReads())
	} else {
		opts = append(opts, storage.WithJSONReads())
	}
	if o.Endpoint != "" {
		opts = append(opts, option.WithEndpoint(strings.TrimSuffix(o.Endpoint, "/")+"/storage/v1/"))
	}
	return storage.NewClient(ctx, opts...)
}

// sign adds a token to each request. A failure to find credentials names the usual places, not what stood there.
func sign(ctx context.Context, o Options) (http.RoundTripper, error) {
	var how option.ClientOption
	switch {
	case o.Anonymous:
		return newTransport(), nil
	case o.Credentials != nil:
		how = option.WithAuthCredentials(o.Credentials)
	default:
		how = option.WithScopes(storage.ScopeReadWrite)
	}
	t, err := htransport.NewTransport(ctx, newTransport(), how)
	if err != nil {
		return nil, fmt.Errorf("%w: no credentials: want GOOGLE_APPLICATION_CREDENTIALS, gcloud auth application-default login, a machine of Google's, Options.Credentials, or anonymous=true", driver.ErrPermission)
	}
	return t, nil
}

func orDefault(t http.RoundTripper) http.RoundTripper {
	if t == nil {
		return http.DefaultTransport
	}
	return t
}

// newTransport is the standard one, with as many idle connections as calls that ufs lets run: opening one costs three
// round trips.
func newTransport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConns, t.MaxIdleConnsPerHost = 0, 256
	t.ReadBufferSize, t.WriteBufferSize = 64<<10, 64<<10
	return t
}

// media looks after the requests that read objects.
//
// They ask for content as it is stored: Google else unpacks what was stored as gzip, and the bytes have neither the
// size nor the ranges of the object. And each is made once: the SDK would ask again for ever when bodies are cut, where
// package ufs goes on at the right place, and counts.
type media struct{ http.RoundTripper }

func (m media) RoundTrip(r *http.Request) (*http.Response, error) {
	if made, ok := r.Context().Value(madeKey{}).(*bool); ok {
		if *made {
			return nil, io.ErrUnexpectedEOF
		}
		*made = true
		r = r.Clone(r.Context())
		r.Header.Set("Accept-Encoding", "gzip") // here, since the SDK refuses it for JSON reads
	}
	return m.RoundTripper.RoundTrip(r)
}

// CloseIdleConnections ends what is under it.
func (m media) CloseIdleConnections() {
	if c, ok := m.RoundTripper.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

type madeKey struct{}

// reading marks the one request of a read.
func reading(ctx context.Context) context.Context {
	return context.WithValue(ctx, madeKey{}, new(bool))
}
