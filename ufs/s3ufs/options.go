package s3ufs

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
)

// Options tune Open. The zero value asks AWS with the environment's credentials chain.
type Options struct {
	Region        string // Default: the environment's or the profile's, else us-east-1
	Endpoint      string // of a store that is not AWS: "https://minio.example:9000". Default: AWS's
	PathStyle     bool   // the bucket in the path, not in the host's name. Default: false, true for an Endpoint of an IP address
	Profile       string // of the SDK's shared configuration. Default: the environment's
	Anonymous     bool   // requests are not signed. Default: false
	RequesterPays bool   // we pay for requests. Default: false
	SSE           string // encryption of new objects: "AES256", "aws:kms" or "aws:kms:KEY". Default: the bucket's

	// Credentials are asked for whenever the last ones have expired, or the store says so. Default: the SDK's chain
	// (environment, profile, container, instance).
	Credentials aws.CredentialsProvider

	PartSize int64 // bytes of an upload's first parts, later ones grow: at least 5 MiB. Default: 8 MiB, 0.1 s at 100 MB/s

	// InFlight is how many bytes of parts are being sent, all uploads together. Memory holds twice as many; what is beyond that, of many uploads
	// that are open at the same time or of parts as large as this, is in a file in os.TempDir: on a disk, or it takes memory again. Default: 64 MiB
	InFlight  int64
	CopyWhole int64 // largest object that one request copies, bytes. Default: 5 GiB, S3's own limit

	HTTPClient *http.Client // the caller closes it. Default: one of our own
	UFS        *ufs.Options // retries, limits, breaker. Default: its zero value
}

const (
	minPart     = 5 << 20 // S3's
	defaultPart = 8 << 20
	mostCopied  = 5 << 30
)

// complete fills in the defaults, or says everything that is wrong.
func (o Options) complete() (Options, error) {
	o.PartSize = cmp.Or(o.PartSize, defaultPart)
	o.InFlight = cmp.Or(o.InFlight, 64<<20)
	o.CopyWhole = cmp.Or(o.CopyWhole, mostCopied)
	var bad []string
	if o.PartSize < minPart {
		bad = append(bad, fmt.Sprintf("PartSize is %d; want at least %d", o.PartSize, minPart))
	}
	if o.InFlight < 0 {
		bad = append(bad, fmt.Sprintf("InFlight is %d; want 0 (the default) or more", o.InFlight))
	}
	if o.CopyWhole < minPart || o.CopyWhole > mostCopied {
		bad = append(bad, fmt.Sprintf("CopyWhole is %d; want %d to %d", o.CopyWhole, minPart, int64(mostCopied)))
	}
	if why := o.checkEndpoint(); why != "" {
		bad = append(bad, why)
	} else if u, _ := url.Parse(o.Endpoint); u.Host != "" {
		o.PathStyle = o.PathStyle || isIP(u.Hostname())
	}
	if algorithm, key := o.encryption(); o.SSE != "" && (!slices.Contains([]types.ServerSideEncryption{"AES256", "aws:kms"}, algorithm) || algorithm == "AES256" && key != "") {
		bad = append(bad, fmt.Sprintf("SSE is %q; want AES256, aws:kms or aws:kms:KEY", o.SSE))
	}
	if o.Anonymous && (o.Credentials != nil || o.Profile != "") {
		bad = append(bad, "Anonymous, and Credentials or a Profile; want one of them")
	}
	if len(bad) > 0 {
		return o, fmt.Errorf("%w: s3ufs.Options: %s", driver.ErrInvalid, strings.Join(bad, "; "))
	}
	return o, nil
}

// checkEndpoint does not quote what it refuses: a secret may stand in it. An endpoint goes into the place's name as it is.
func (o Options) checkEndpoint() string {
	if o.Endpoint == "" {
		return ""
	}
	u, err := url.Parse(o.Endpoint)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return "Endpoint is no http or https URL of a host"
	case u.User != nil || strings.ContainsAny(o.Endpoint, "?#"):
		return "Endpoint has a user, options after '?' or what follows '#'; want a URL without, and credentials by reference: the environment, a profile, or Options.Credentials"
	}
	return ""
}

// encryption splits SSE.
func (o Options) encryption() (algorithm types.ServerSideEncryption, key string) {
	if key, is := strings.CutPrefix(o.SSE, "aws:kms:"); is {
		return types.ServerSideEncryptionAwsKms, key
	}
	return types.ServerSideEncryption(o.SSE), ""
}

// isIP reports whether no bucket's name can stand before host.
func isIP(host string) bool {
	return host == "localhost" || strings.Trim(host, "0123456789.") == "" || strings.Contains(host, ":")
}
