package gcsufs

import (
	"context"
	"net/url"
	"strings"

	"cloud.google.com/go/storage"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/objects"
)

func init() {
	ufs.Register("gs", func(ctx context.Context, u *url.URL) (driver.Store, string, error) {
		bucket, prefix, o, err := parse(u)
		if err != nil {
			return nil, "", err
		}
		return open(ctx, bucket, prefix, o)
	})
}

// Open opens the place prefix, "" for all of it, of a bucket. It makes no request to the store. o may be nil.
func Open(ctx context.Context, bucketName, prefix string, o *Options) (*ufs.Store, error) {
	var opts Options
	if o != nil {
		opts = *o
	}
	d, id, err := open(ctx, bucketName, prefix, opts)
	if err != nil {
		return nil, err
	}
	return ufs.New(d, id, opts.UFS)
}

func open(ctx context.Context, bucketName, prefix string, o Options) (driver.Store, string, error) {
	o, err := o.complete()
	if err != nil {
		return nil, "", err
	}
	prefix, err = objects.Prefix(prefix)
	if err != nil {
		return nil, "", err
	}
	client, err := connect(ctx, o)
	if err != nil {
		return nil, "", err
	}
	// Package ufs repeats what may be repeated, and counts it.
	client.SetRetry(storage.WithPolicy(storage.RetryNever))
	h := client.Bucket(bucketName)
	if o.UserProject != "" {
		h = h.UserProject(o.UserProject)
	}
	return objects.New(&bucket{client: client, h: h, part: int(o.PartSize)}, prefix), placeID(o.Endpoint, bucketName, prefix), nil
}

// placeID is the same wherever it is opened. Google's buckets have names that nobody else has; another store's have its
// endpoint's.
func placeID(endpoint, bucket, prefix string) string {
	place := strings.TrimSuffix(bucket+"/"+prefix, "/")
	if endpoint == "" {
		return "gs://" + place
	}
	return "gs+" + strings.TrimSuffix(endpoint, "/") + "/" + place
}
