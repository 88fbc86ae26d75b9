package s3ufs

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/objects"
)

func init() { ufs.RegisterParser("s3", places.URL) }

var places = objects.Places[Options]{
	Parse: parse, Complete: Options.complete, Bucket: openBucket,
	UFS: func(o Options) *ufs.Options { return o.UFS },
}

// Open opens the place prefix, "" for all of it, of a bucket. It makes no request to the store. o may be nil.
func Open(ctx context.Context, bucketName, prefix string, o *Options) (*ufs.Store, error) {
	return places.Open(ctx, bucketName, prefix, o)
}

func openBucket(ctx context.Context, bucketName, prefix string, o Options) (objects.Bucket, string, error) {
	b := &bucket{name: bucketName, o: o, parts: objects.NewParts(o.PartSize, o.InFlight)}
	var err error
	if b.client, err = b.connect(ctx); err != nil {
		return nil, "", err
	}
	return b, placeID(o.Endpoint, bucketName, prefix), nil
}

// placeID is the same wherever it is opened. AWS's buckets have names that nobody else has; another store's have its
// endpoint's.
func placeID(endpoint, bucket, prefix string) string {
	place := strings.TrimSuffix(bucket+"/"+prefix, "/")
	if endpoint = driver.Endpoint(endpoint); endpoint == "" || ofAWS(endpoint) {
		return "s3://" + place
	}
	return "s3+" + endpoint + "/" + place
}

// ofAWS reports whether an endpoint is one of AWS's own, which all have the same buckets.
func ofAWS(endpoint string) bool {
	u, err := url.Parse(endpoint)
	return err == nil && u.Path == "" && (strings.HasPrefix(u.Host, "s3.") || strings.HasPrefix(u.Host, "s3-")) && strings.HasSuffix(u.Host, ".amazonaws.com")
}

// connect makes the SDK's client. Its own retries are off: package ufs retries what may be retried, and counts it.
func (b *bucket) connect(ctx context.Context) (*s3.Client, error) {
	load := []func(*config.LoadOptions) error{config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} })}
	if b.o.Region != "" {
		load = append(load, config.WithRegion(b.o.Region))
	}
	if b.o.Profile != "" {
		load = append(load, config.WithSharedConfigProfile(b.o.Profile))
	}
	switch {
	case b.o.Anonymous:
		load = append(load, config.WithCredentialsProvider(aws.AnonymousCredentials{}))
	case b.o.Credentials != nil:
		load = append(load, config.WithCredentialsProvider(b.o.Credentials))
	}
	load = append(load, config.WithHTTPClient(newTransport()))
	cfg, err := config.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return nil, fmt.Errorf("the SDK's configuration: %w", err)
	}
	b.http = b.o.HTTPClient
	if built, ok := cfg.HTTPClient.(*awshttp.BuildableClient); ok && b.http == nil { // with AWS_CA_BUNDLE in it, if that is set
		b.http = &http.Client{Transport: built.GetTransport(), CheckRedirect: stay}
	}
	if cfg.Region == "" {
		cfg.Region = "us-east-1"
	}
	b.region = cfg.Region
	if c, ok := cfg.Credentials.(*aws.CredentialsCache); ok {
		b.credentials = c
	}
	return s3.NewFromConfig(cfg, b.tune), nil
}

// tune sets what is S3's own.
func (b *bucket) tune(c *s3.Options) {
	c.UsePathStyle = b.o.PathStyle
	if b.http != nil {
		c.HTTPClient = b.http
	}
	if b.o.Endpoint != "" {
		c.BaseEndpoint = aws.String(b.o.Endpoint)
		c.HTTPClient = &tidy{c.HTTPClient, &b.lacks.tidy}
	}
	// We make and check the sums: the SDK's would turn bodies into aws-chunked ones, which not every store reads.
	c.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
	c.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
	c.DisableLogOutputChecksumValidationSkipped = true
	c.APIOptions = append(c.APIOptions, b.middleware...)
}

// newTransport is the SDK's, with as many idle connections as calls that ufs lets run: opening one costs three round
// trips.
func newTransport() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConns, t.MaxIdleConnsPerHost = 0, 256
		t.ReadBufferSize, t.WriteBufferSize = 64<<10, 64<<10
	})
}

// stay answers with a redirection itself: it says that the bucket is in another region, and a signature would not hold
// elsewhere.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
