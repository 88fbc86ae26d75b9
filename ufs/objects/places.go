package objects

import (
	"context"
	"errors"
	"net/url"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
)

// Places is how a driver of buckets opens a place, by its URL or by hand. O is the driver's Options.
type Places[O any] struct {
	// Parse takes a URL apart: see driver.Parser, also for what Complete may ask.
	Parse func(u *url.URL) (bucket, prefix string, o O, err error)
	// Complete fills in defaults, or says all that is wrong.
	Complete func(o O) (O, error)
	// Bucket opens one with completed Options. id is the lasting name of the place: see driver.Opener.
	Bucket func(ctx context.Context, bucket, prefix string, o O) (b Bucket, id string, err error)
	// UFS is that part of the Options.
	UFS func(o O) *ufs.Options
}

// URL is a driver.Parser.
func (p *Places[O]) URL(u *url.URL) (driver.Place, error) {
	bucket, prefix, o, err := p.Parse(u)
	if err != nil {
		return driver.Place{}, err
	}
	return p.place(bucket, prefix, o)
}

// Open opens the place prefix of a bucket; o may be nil.
func (p *Places[O]) Open(ctx context.Context, bucket, prefix string, o *O) (*ufs.Store, error) {
	var opts O
	if o != nil {
		opts = *o
	}
	d, id, err := p.Driver(ctx, bucket, prefix, opts)
	if err != nil {
		return nil, err
	}
	return ufs.New(d, id, p.UFS(opts))
}

// Driver is Open without the Store around it.
func (p *Places[O]) Driver(ctx context.Context, bucket, prefix string, o O) (driver.Store, string, error) {
	at, err := p.place(bucket, prefix, o)
	if err != nil {
		return nil, "", err
	}
	return at.Open(ctx)
}

// place says all that is wrong with a place before its bucket is opened.
func (p *Places[O]) place(bucket, prefix string, o O) (driver.Place, error) {
	o, wrong := p.Complete(o)
	prefix, err := Prefix(prefix)
	if err = errors.Join(wrong, err); err != nil {
		return driver.Place{}, err
	}
	return driver.Place{Open: func(ctx context.Context) (driver.Store, string, error) {
		b, id, err := p.Bucket(ctx, bucket, prefix, o)
		if err != nil {
			return nil, "", err
		}
		return New(b, prefix), id, nil
	}}, nil
}
