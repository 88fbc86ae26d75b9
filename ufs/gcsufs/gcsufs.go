package gcsufs

import (
	"context"
	"strings"

	"cloud.google.com/go/storage"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/objects"
)

func init() { ufs.RegisterParser("gs", places.URL) }

var places = objects.Places[Options]{
	Parse: parse, Complete: Options.complete, Bucket: openBucket,
	UFS: func(o Options) *ufs.Options { return o.UFS },
}

// Open opens the place prefix, "" for all of it, of a bucket. It makes no request to the store. o may be nil.
func Open(ctx context.Context, bucketName, prefix string, o *Options) (*ufs.Store, error) {
	return places.Open(ctx, bucketName, prefix, o)
}

func openBucket(ctx context.Context, bucketName, prefix string, o Options) (objects.Bucket, string, error) {
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
	return &bucket{client: client, h: h, part: int(o.PartSize), room: objects.NewRoom(o.InFlight)}, placeID(o.Endpoint, bucketName, prefix), nil
}

// placeID is the same wherever it is opened. Google's buckets have names that nobody else has; another store's have its
// endpoint's.
func placeID(endpoint, bucket, prefix string) string {
	place := strings.TrimSuffix(bucket+"/"+prefix, "/")
	if endpoint = driver.Endpoint(endpoint); endpoint == "" || endpoint == "https://storage.googleapis.com" {
		return "gs://" + place
	}
	return "gs+" + endpoint + "/" + place
}
