package ufs

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/millpond/millpond/ufs/driver"
)

var (
	registryMu sync.RWMutex
	registry   = map[string]driver.Opener{}
)

// Register makes a scheme known; a driver's init calls it. A scheme registered twice panics.
func Register(scheme string, open driver.Opener) {
	registryMu.Lock()
	defer registryMu.Unlock()
	if _, dup := registry[scheme]; dup {
		panic("ufs: scheme registered twice: " + scheme)
	}
	registry[scheme] = open
}

// Schemes lists the registered schemes, sorted.
func Schemes() []string {
	registryMu.RLock()
	defer registryMu.RUnlock()
	return slices.Sorted(maps.Keys(registry))
}

// Open opens the place that url names through the driver of its scheme.
func Open(ctx context.Context, rawURL string, o *Options) (*Store, error) {
	open, u, err := opener(rawURL)
	if err != nil {
		return nil, err
	}
	d, id, err := open(ctx, u)
	if err != nil {
		return nil, fmt.Errorf("no under store at %q: %w", driver.Shown(u), err)
	}
	return New(d, id, o)
}

// CheckURL reports what is wrong with the URL of an under store as far as that can be seen without asking the store: an
// unknown scheme, of which it lists the known ones, or a '#'.
func CheckURL(rawURL string) error {
	_, _, err := opener(rawURL)
	return err
}

// opener is the driver for a URL.
func opener(rawURL string) (driver.Opener, *url.URL, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, nil, unparsed(rawURL, err)
	}
	registryMu.RLock()
	open := registry[u.Scheme]
	registryMu.RUnlock()
	if open == nil {
		return nil, nil, unknown(u)
	}
	if strings.Contains(rawURL, "#") { // not shown: of a secret with a '#' a part may stand where the host is
		return nil, nil, fmt.Errorf("%w: no under store at a URL of scheme %q with a '#': what is behind it names nothing; in a name write %%23", driver.ErrInvalid, u.Scheme)
	}
	return open, u, nil
}

// unknown says that no driver has registered u's scheme, and what was forgotten, most likely.
func unknown(u *url.URL) error {
	do := `; import the driver for its scheme, such as _ "github.com/millpond/millpond/ufs/s3ufs"`
	switch {
	case u.Scheme == "" && strings.HasPrefix(u.Path, "/"):
		do = fmt.Sprintf("; a directory is %q", "file://"+driver.Shown(u))
	case u.Scheme == "":
		do = `; a directory is "file:///" and its absolute path`
	}
	return fmt.Errorf("%w: no under store at %q: unknown scheme %q (have %s)%s", driver.ErrInvalid, driver.Shown(u), u.Scheme, strings.Join(Schemes(), ", "), do)
}

// unparsed says that a URL is none. What stands before an '@' or behind a '?' may be a secret, and what is wrong would be
// quoted.
func unparsed(rawURL string, err error) error {
	if strings.ContainsAny(rawURL, "@?") {
		scheme, _, _ := strings.Cut(rawURL, ":")
		return fmt.Errorf("%w: no under store at a URL of scheme %q that does not parse (not shown: it may hold a secret)", driver.ErrInvalid, scheme)
	}
	return fmt.Errorf("%w: no under store at %q: %w", driver.ErrInvalid, rawURL, err)
}
