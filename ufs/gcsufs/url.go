package gcsufs

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"

	"github.com/millpond/millpond/ufs/driver"
)

// parse takes bucket, prefix and options out of a URL.
func parse(u *url.URL) (bucket, prefix string, o Options, err error) {
	q, err := driver.Query(u, "anonymous", "endpoint", "reads", "user_project")
	if err == nil && (u.Host == "" || u.Port() != "" || u.User != nil) {
		err = fmt.Errorf("%w: no bucket; want gs://BUCKET/PREFIX", driver.ErrInvalid)
	}
	if err != nil {
		return "", "", o, err
	}
	o.Endpoint, o.UserProject = q.Get("endpoint"), q.Get("user_project")
	var bad []error
	if s := q.Get("anonymous"); s != "" {
		if o.Anonymous, err = strconv.ParseBool(s); err != nil {
			bad = append(bad, fmt.Errorf("%w: option %q is %q; want true or false", driver.ErrInvalid, "anonymous", s))
		}
	}
	switch s := q.Get("reads"); s {
	case "", "json":
	case "xml":
		o.XMLReads = true
	default:
		bad = append(bad, fmt.Errorf("%w: option %q is %q; want json or xml", driver.ErrInvalid, "reads", s))
	}
	return u.Host, u.Path, o, errors.Join(bad...)
}
