package s3ufs

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"

	"github.com/millpond/millpond/ufs/driver"
)

// parse takes bucket, prefix and options out of an URL.
func parse(u *url.URL) (bucket, prefix string, o Options, err error) {
	q, err := driver.Query(u, "anonymous", "endpoint", "path_style", "profile", "region", "requester_pays", "sse")
	if err == nil && (u.Host == "" || u.Port() != "" || u.User != nil) {
		err = fmt.Errorf("%w: no bucket; want s3://BUCKET/PREFIX, and endpoint= for a store that is not AWS", driver.ErrInvalid)
	}
	if err != nil {
		return "", "", o, err
	}
	o.Region, o.Endpoint, o.Profile, o.SSE = q.Get("region"), q.Get("endpoint"), q.Get("profile"), q.Get("sse")
	var bad []error
	for name, flag := range map[string]*bool{"anonymous": &o.Anonymous, "path_style": &o.PathStyle, "requester_pays": &o.RequesterPays} {
		if !q.Has(name) || q.Get(name) == "" {
			*flag = q.Has(name)
		} else if *flag, err = strconv.ParseBool(q.Get(name)); err != nil {
			bad = append(bad, fmt.Errorf("%w: option %q is %q; want true or false", driver.ErrInvalid, name, q.Get(name)))
		}
	}
	return u.Host, u.Path, o, errors.Join(bad...)
}
