package s3ufs_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/s3ufs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is a real S3 server, and a stranger's client to it.
type server struct {
	endpoint, bucket string
	client           *s3.Client
}

// bucketName is one for all tests of a run: each works below a prefix of its own.
var bucketName = sync.OnceValue(func() string { return fmt.Sprintf("millpond-%08x", rand.Uint32()) })

// realServer is the server that the environment names.
func realServer(tb testing.TB) *server {
	tb.Helper()
	endpoint := os.Getenv("MILLPOND_S3_ENDPOINT")
	if endpoint == "" {
		tb.Skip("no MILLPOND_S3_ENDPOINT in the environment: make test-servers starts a server and sets it")
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	tb.Cleanup(transport.CloseIdleConnections)
	cfg, err := config.LoadDefaultConfig(tb.Context())
	require.NoError(tb, err)
	v := &server{endpoint: endpoint, bucket: bucketName()}
	v.client = s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.BaseEndpoint, o.UsePathStyle = &endpoint, true
		o.HTTPClient = &http.Client{Transport: transport}
	})
	_, err = v.client.CreateBucket(tb.Context(), &s3.CreateBucketInput{Bucket: &v.bucket})
	if code(err) != "BucketAlreadyOwnedByYou" {
		require.NoError(tb, err)
	}
	return v
}

// open opens a place through the server's endpoint, or through o's. What the store lacks it has learned already.
func (v *server) open(tb testing.TB, prefix string, o s3ufs.Options) *ufs.Store {
	tb.Helper()
	s := v.openNew(tb, prefix, o)
	if isOld() && !o.Anonymous && o.Credentials == nil && o.HTTPClient == nil {
		learn(tb, s, o)
	}
	return s
}

// openNew opens a place that knows nothing of the store yet.
func (v *server) openNew(tb testing.TB, prefix string, o s3ufs.Options) *ufs.Store {
	tb.Helper()
	if o.Endpoint == "" {
		o.Endpoint = v.endpoint
	}
	s, err := s3ufs.Open(tb.Context(), v.bucket, prefix, &o)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, s.Close()) })
	return s
}

// put writes an object as a stranger does.
func (v *server) put(tb testing.TB, name string, data []byte) {
	tb.Helper()
	_, err := v.client.PutObject(tb.Context(), &s3.PutObjectInput{Bucket: &v.bucket, Key: &name, Body: bytes.NewReader(data)})
	require.NoError(tb, err, "put %q", name)
}

// get reads an object as a stranger does; false if there is none.
func (v *server) get(tb testing.TB, name string) ([]byte, bool) {
	tb.Helper()
	out, err := v.client.GetObject(tb.Context(), &s3.GetObjectInput{Bucket: &v.bucket, Key: &name})
	if code(err) == "NoSuchKey" {
		return nil, false
	}
	require.NoError(tb, err)
	defer out.Body.Close()
	data, err := io.ReadAll(out.Body)
	require.NoError(tb, err)
	return data, true
}

// uploads counts the multipart uploads below a prefix that have neither been completed nor aborted.
func (v *server) uploads(tb testing.TB, prefix string) int {
	tb.Helper()
	out, err := v.client.ListMultipartUploads(tb.Context(), &s3.ListMultipartUploadsInput{Bucket: &v.bucket, Prefix: aws.String(prefix)})
	require.NoError(tb, err)
	return len(out.Uploads)
}
