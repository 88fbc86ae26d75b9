package gcsufs

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"cloud.google.com/go/auth"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
)

// Options tune Open. The zero value asks Google with the application default credentials of the environment.
type Options struct {
	Endpoint    string // of another service: "https://storage-x.p.googleapis.com", http for an emulator. Default: Google's
	Anonymous   bool   // requests are not signed. Default: false
	UserProject string // the project that pays for requests. Default: the bucket's
	XMLReads    bool   // read objects by plain HTTP of the XML API, not by the JSON API. Default: false

	// Credentials are asked for whenever the last token has expired. Default: those of the environment
	// (GOOGLE_APPLICATION_CREDENTIALS, gcloud's login, the machine's service account).
	Credentials *auth.Credentials

	PartSize int64 // bytes of a request of a long upload, a multiple of 256 KiB. Default: 8 MiB

	// InFlight is how many bytes of memory uploads have, all together: each one PartSize, and when its second part begins twice that for
	// a moment. Those for which there is no room make smaller requests, down to 256 KiB. Default: 128 MiB
	InFlight int64

	Client *http.Client // makes the requests and signs them, if they are to be signed; the caller closes it. Default: one of our own
	UFS    *ufs.Options // retries, limits, breaker. Default: its zero value
}

const partUnit = 256 << 10 // Google's

// complete fills in the defaults, or says everything that is wrong.
func (o Options) complete() (Options, error) {
	o.PartSize = cmp.Or(o.PartSize, 8<<20) // 0.1 s at 100 MB/s
	o.InFlight = cmp.Or(o.InFlight, 128<<20)
	var bad []string
	if o.PartSize < partUnit || o.PartSize%partUnit != 0 || o.PartSize > 1<<30 {
		bad = append(bad, fmt.Sprintf("PartSize is %d; want a multiple of %d, up to 1 GiB", o.PartSize, partUnit))
	}
	if o.InFlight < 0 {
		bad = append(bad, fmt.Sprintf("InFlight is %d; want 0 (the default) or more", o.InFlight))
	}
	if o.Endpoint != "" {
		bad = append(bad, o.checkEndpoint()...)
	}
	if o.Anonymous && o.Credentials != nil || o.Client != nil && (o.Anonymous || o.Credentials != nil) {
		bad = append(bad, "more than one of Anonymous, Client and Credentials; want one")
	}
	if len(bad) > 0 {
		return o, fmt.Errorf("%w: gcsufs.Options: %s", driver.ErrInvalid, strings.Join(bad, "; "))
	}
	return o, nil
}

// checkEndpoint does not quote what it refuses. A token does not go over a line in the clear.
func (o Options) checkEndpoint() []string {
	u, err := url.Parse(o.Endpoint)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return []string{"Endpoint is no http or https URL of a host alone"}
	case u.Scheme == "http" && !o.Anonymous && o.Client == nil:
		return []string{"Endpoint is http, where credentials would be read on the way; want https, or Anonymous"}
	}
	return nil
}
