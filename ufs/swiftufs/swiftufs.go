package swiftufs

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/ncw/swift/v2"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/objects"
)

func init() { ufs.RegisterParser("swift", places.URL) }

var places = objects.Places[Options]{
	Parse: parse, Complete: Options.complete, Bucket: openBucket,
	UFS: func(o Options) *ufs.Options { return o.UFS },
}

// Options tune Open. The zero value logs in with the environment's OS_ or ST_ variables.
type Options struct {
	// Connect fills in how to log in: user, key, AuthUrl, AuthVersion and what else the library knows. Default: the
	// environment's variables.
	Connect func(c *swift.Connection) error

	PartSize int64 // bytes of an upload's first segments, later ones grow: 1 MiB to 4 GiB. Default: 64 MiB, since a manifest has at most 1,000

	// InFlight is how many bytes of segments are being sent, all uploads together. Memory holds twice as many; what is beyond that, of many uploads
	// that are open at the same time or of segments as large as this, is in a file in os.TempDir: on a disk, or it takes memory again. Default: 256 MiB
	InFlight int64

	UFS *ufs.Options // retries, limits, breaker. Default: its zero value
}

// complete fills in the defaults, or says everything that is wrong.
func (o Options) complete() (Options, error) {
	o.PartSize, o.InFlight = cmp.Or(o.PartSize, 64<<20), cmp.Or(o.InFlight, 256<<20)
	var bad []string
	if o.PartSize < 1<<20 || o.PartSize > 4<<30 {
		bad = append(bad, fmt.Sprintf("PartSize is %d; want 1 MiB to 4 GiB", o.PartSize))
	}
	if o.InFlight < 0 {
		bad = append(bad, fmt.Sprintf("InFlight is %d; want 0 (the default) or more", o.InFlight))
	}
	if len(bad) > 0 {
		return o, fmt.Errorf("%w: swiftufs.Options: %s", driver.ErrInvalid, strings.Join(bad, "; "))
	}
	return o, nil
}

// parse takes container and prefix out of a URL. There are no options: where and how to log in says the environment.
func parse(u *url.URL) (container, prefix string, o Options, err error) {
	_, err = driver.Query(u)
	if err == nil && (u.Host == "" || u.Port() != "" || u.User != nil) {
		err = fmt.Errorf("%w: no container; want swift://CONTAINER/PREFIX", driver.ErrInvalid)
	}
	return u.Host, u.Path, o, err
}

// Open opens the place prefix, "" for all of it, of a container. It logs in. o may be nil.
func Open(ctx context.Context, container, prefix string, o *Options) (*ufs.Store, error) {
	return places.Open(ctx, container, prefix, o)
}

func openBucket(ctx context.Context, container, prefix string, o Options) (objects.Bucket, string, error) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConns, t.MaxIdleConnsPerHost = 0, 256 // as many as calls that ufs lets run
	c := &swift.Connection{Transport: t, UserAgent: "millpond"}
	login := o.Connect
	if login == nil {
		login = (*swift.Connection).ApplyEnvironment
	}
	if err := login(c); err != nil {
		return nil, "", fmt.Errorf("%w: how to log in: %w", driver.ErrInvalid, err)
	}
	if err := c.Authenticate(ctx); err != nil {
		t.CloseIdleConnections()
		if c.Auth == nil { // the library has asked nobody
			return nil, "", nowhere(c)
		}
		return nil, "", fmt.Errorf("log in: %w", read(err))
	}
	b := &bucket{c: c, container: container, parts: objects.NewParts(o.PartSize, o.InFlight), idle: t.CloseIdleConnections}
	return b, placeID(c.StorageUrl, container, prefix), nil
}

// nowhere says what is missing to log in.
func nowhere(c *swift.Connection) error {
	if c.AuthUrl == "" {
		return fmt.Errorf("%w: nowhere to log in; set OS_AUTH_URL or ST_AUTH, or AuthUrl in Options.Connect", driver.ErrInvalid)
	}
	return fmt.Errorf("%w: no version to log in with; set ST_AUTH_VERSION, or AuthVersion in Options.Connect", driver.ErrInvalid)
}

// placeID names a place by the account's address, which has no credentials.
func placeID(storageURL, container, prefix string) string {
	_, s, _ := strings.Cut(driver.Endpoint(storageURL), "://")
	return "swift://" + strings.TrimSuffix(s+"/"+container+"/"+prefix, "/")
}
