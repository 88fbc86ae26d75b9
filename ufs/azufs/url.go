package azufs

import (
	"fmt"
	"net/url"
	"strconv"

	"github.com/millpond/millpond/ufs/driver"
)

// parse takes container, prefix and options out of a URL.
func parse(u *url.URL) (container, prefix string, o Options, err error) {
	q, err := driver.Query(u, "account", "anonymous", "endpoint")
	if err == nil && (u.Host == "" || u.Port() != "" || u.User != nil) {
		err = fmt.Errorf("%w: no container; want azblob://CONTAINER/PREFIX?account=NAME", driver.ErrInvalid)
	}
	if err != nil {
		return "", "", o, err
	}
	o.Account, o.Endpoint = q.Get("account"), q.Get("endpoint")
	if s := q.Get("anonymous"); s != "" {
		if o.Anonymous, err = strconv.ParseBool(s); err != nil {
			err = fmt.Errorf("%w: option %q is %q; want true or false", driver.ErrInvalid, "anonymous", s)
		}
	}
	return u.Host, u.Path, o, err
}
