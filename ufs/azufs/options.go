package azufs

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
)

// Options tune Open. The zero value takes account and credentials from the environment: see the package's description.
type Options struct {
	Account   string // the storage account. Default: AZURE_STORAGE_ACCOUNT
	Endpoint  string // the account's URL, for other clouds and azurite. Default: https://ACCOUNT.blob.core.windows.net
	Anonymous bool   // requests are not signed. Default: false

	Credential azcore.TokenCredential      // of Microsoft Entra ID, asked again when it expires. Default: Key
	Key        *azblob.SharedKeyCredential // the account's own. Default: the environment's credentials

	PartSize int64 // bytes of an upload's first blocks, later ones grow; at most 3,000 MiB. Default: 8 MiB, 0.1 s at 100 MB/s

	// InFlight is how many bytes of blocks are being sent, all uploads together. Memory holds twice as many; what is beyond that, of many uploads
	// that are open at the same time or of blocks as large as this, is in a file in os.TempDir: on a disk, or it takes memory again. Default: 64 MiB
	InFlight int64

	Client *http.Client // the caller closes it. Default: one of our own
	UFS    *ufs.Options // retries, limits, breaker. Default: its zero value
}

const mostPart = 3000 << 20 // Azure takes 4,000 MiB, and blocks grow by 1,100

// complete fills in the defaults, or says everything that is wrong.
func (o Options) complete() (Options, error) {
	o.PartSize, o.InFlight = cmp.Or(o.PartSize, 8<<20), cmp.Or(o.InFlight, 64<<20)
	var bad []string
	if o.PartSize < 0 || o.PartSize > mostPart {
		bad = append(bad, fmt.Sprintf("PartSize is %d; want 1 to %d", o.PartSize, int64(mostPart)))
	}
	if o.InFlight < 0 {
		bad = append(bad, fmt.Sprintf("InFlight is %d; want 0 (the default) or more", o.InFlight))
	}
	if strings.ContainsAny(o.Account, "/?#@:.") {
		bad = append(bad, fmt.Sprintf("Account is %q; want a storage account's name", o.Account))
	}
	if err := checkEndpoint(o.Endpoint); err != nil {
		bad = append(bad, err.Error())
	}
	if given := o.Anonymous; given && (o.Credential != nil || o.Key != nil) || o.Credential != nil && o.Key != nil {
		bad = append(bad, "more than one of Anonymous, Credential and Key; want one")
	}
	if len(bad) > 0 {
		return o, fmt.Errorf("%w: azufs.Options: %s", driver.ErrInvalid, strings.Join(bad, "; "))
	}
	return o, nil
}

// checkEndpoint does not quote what it refuses: a signature may stand in it.
func checkEndpoint(endpoint string) error {
	if endpoint == "" {
		return nil
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("the endpoint is no http or https URL of a host and a path (without user and options)")
	}
	return nil
}
