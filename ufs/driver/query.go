package driver

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// byReference is what a user does instead of writing a secret into a URL, which is kept, shown and sent to peers.
const byReference = "name credentials by reference: the environment, the SDK's own profile, or a provider in the driver's Options"

// Query reads the options of a place's URL. It is ErrInvalid for one that is not known, is given twice, or looks like a
// secret, and for a password; all of them at once, and without their values.
func Query(u *url.URL, known ...string) (url.Values, error) {
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, fmt.Errorf("%w: the options after '?' are not name=value&name=value", ErrInvalid)
	}
	var bad []error
	if _, has := u.User.Password(); has {
		bad = append(bad, fmt.Errorf("%w: a password before the host; %s", ErrInvalid, byReference))
	}
	for _, name := range slices.Sorted(maps.Keys(q)) {
		switch {
		case slices.Contains(known, name):
			if len(q[name]) > 1 {
				bad = append(bad, fmt.Errorf("%w: option %q is given twice", ErrInvalid, name))
			}
			if holdsUser(q.Get(name)) {
				bad = append(bad, fmt.Errorf("%w: option %q is a URL with a user; %s", ErrInvalid, name, byReference))
			}
		case looksSecret(name):
			bad = append(bad, fmt.Errorf("%w: option %q looks like a secret; %s", ErrInvalid, name, byReference))
		default:
			bad = append(bad, fmt.Errorf("%w: unknown option %q (have %s)", ErrInvalid, name, cmp.Or(strings.Join(known, ", "), "none")))
		}
	}
	return q, errors.Join(bad...)
}

// holdsUser finds credentials in an option that is a URL itself, such as an endpoint.
func holdsUser(value string) bool {
	return strings.Contains(value, "://") && strings.Contains(value, "@")
}

// looksSecret goes by the names that stores' own tools give to secrets; "sig" is that of Azure's signed URLs.
func looksSecret(name string) bool {
	name = strings.ToLower(name)
	if name == "sig" || name == "sas" {
		return true
	}
	for _, part := range []string{"secret", "passw", "token", "key", "cred", "signature", "auth"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// Shown is a URL as errors and logs may have it: without options and user, where a secret may stand that was just
// refused, and without what stands before an '@' elsewhere, which may have been meant for a user and password.
func Shown(u *url.URL) string {
	s := url.URL{Scheme: u.Scheme, Host: u.Host, Path: ShownPath(u.Path), Opaque: ShownPath(u.Opaque)}
	if s.Path != u.Path {
		s.Host = "" // the '@' may have ended up behind a '/' of the password
	}
	return s.String()
}

// ShownPath is a URL's path as errors and logs may have it: see Shown.
func ShownPath(path string) string {
	if i := strings.LastIndexByte(path, '@'); i >= 0 {
		return "..." + path[i:]
	}
	return path
}
