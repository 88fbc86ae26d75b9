package s3ufs_test

import (
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// fromEnvironment are the keys of the real server.
func fromEnvironment() aws.Credentials {
	return aws.Credentials{AccessKeyID: os.Getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY")}
}

// signedBy picks requests that a key signed.
func signedBy(key string) func(*http.Request) bool {
	return func(r *http.Request) bool {
		return strings.Contains(r.Header.Get("Authorization"), "Credential="+key+"/")
	}
}

// signer signs each request again, with another time.
type signer struct {
	http.Transport
	off time.Duration
}

func (s *signer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Del("Authorization")
	err := v4.NewSigner().SignHTTP(r.Context(), fromEnvironment(), r, r.Header.Get("X-Amz-Content-Sha256"), "s3", "us-east-1", time.Now().Add(s.off),
		func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	if err != nil {
		return nil, err
	}
	return s.Transport.RoundTrip(r)
}
