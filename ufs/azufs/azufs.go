package azufs

import (
	"context"
	"net/http"
	"strings"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/objects"
)

func init() { ufs.RegisterParser("azblob", places.URL) }

var places = objects.Places[Options]{
	Parse: parse, Complete: Options.complete, Bucket: openBucket,
	UFS: func(o Options) *ufs.Options { return o.UFS },
}

// Open opens the place prefix, "" for all of it, of a container. It asks the service once, what kind of account it is. o
// may be nil.
func Open(ctx context.Context, container, prefix string, o *Options) (*ufs.Store, error) {
	return places.Open(ctx, container, prefix, o)
}

func openBucket(ctx context.Context, container, prefix string, o Options) (objects.Bucket, string, error) {
	idle := func() {}
	if o.Client == nil {
		o.Client = &http.Client{Transport: newTransport()}
		idle = o.Client.CloseIdleConnections
	}
	service, err := connect(o)
	if err != nil {
		return nil, "", err
	}
	b := &bucket{c: service.NewContainerClient(container), parts: objects.NewParts(o.PartSize, o.InFlight), idle: idle}
	if err := b.lookAtAccount(ctx); err != nil {
		b.idle()
		return nil, "", err
	}
	return b, placeID(service.URL(), container, prefix), nil
}

// newTransport is the standard one, with as many idle connections as calls that ufs lets run: opening one costs three
// round trips.
func newTransport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConns, t.MaxIdleConnsPerHost = 0, 256
	t.ReadBufferSize, t.WriteBufferSize = 64<<10, 64<<10
	return t
}

// placeID names a place on any machine and without credentials: what the service's URL has before the options, where a
// signature may stand.
func placeID(serviceURL, container, prefix string) string {
	_, s, _ := strings.Cut(driver.Endpoint(serviceURL), "://")
	return "azblob://" + strings.TrimSuffix(s+"/"+container+"/"+prefix, "/")
}
