package ufs

import (
	"cmp"
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
	registry   = map[string]known{}
)

// known is a registered scheme.
type known struct {
	open driver.Opener
	dir  driver.Directory // nil: its places are not on this machine
}

// Register makes a scheme known; a driver's init calls it. A scheme registered twice panics.
func Register(scheme string, open driver.Opener) { register(scheme, known{open: open}) }

// RegisterLocal is Register for a driver whose places are directories of this machine.
func RegisterLocal(scheme string, open driver.Opener, dir driver.Directory) {
	register(scheme, known{open, dir})
}

func register(scheme string, k known) {
	registryMu.Lock()
	defer registryMu.Unlock()
	if _, dup := registry[scheme]; dup {
		panic("ufs: scheme registered twice: " + scheme)
	}
	registry[scheme] = k
}

// Schemes lists the registered schemes, sorted.
func Schemes() []string {
	registryMu.RLock()
	defer registryMu.RUnlock()
	return slices.Sorted(maps.Keys(registry))
}

// Open opens the place that url names through the driver of its scheme.
func Open(ctx context.Context, rawURL string, o *Options) (*Store, error) {
	k, u, err := lookUp(rawURL)
	if err != nil {
		return nil, err
	}
	d, id, err := k.open(ctx, u)
	if err != nil {
		return nil, fmt.Errorf("no under store at %q: %w", driver.Shown(u), err)
	}
	return New(d, id, o)
}

// CheckURL reports what is wrong with the URL of an under store as far as that can be seen without asking the store: an
// unknown scheme, of which it lists the known ones, or a '#'.
func CheckURL(rawURL string) error {
	_, _, err := lookUp(rawURL)
	return err
}

// LocalDir is the directory of this machine that the URL of an under store names, whether it exists or not; "" if it names none, or
// is wrong. It asks no store. See [Store.LocalDir] for one that is open.
func LocalDir(rawURL string) string {
	k, u, err := lookUp(rawURL)
	if err != nil || k.dir == nil {
		return ""
	}
	return k.dir(u)
}

// lookUp finds the driver for a URL.
func lookUp(rawURL string) (known, *url.URL, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return known{}, nil, unparsed(rawURL, err)
	}
	registryMu.RLock()
	k, ok := registry[u.Scheme]
	registryMu.RUnlock()
	if !ok {
		return known{}, nil, unknown(u)
	}
	if strings.Contains(rawURL, "#") { // not shown: of a secret with a '#' a part may stand where the host is
		return known{}, nil, fmt.Errorf("%w: no under store at a URL of scheme %q with a '#': what is behind it names nothing; in a name write %%23", driver.ErrInvalid, u.Scheme)
	}
	return k, u, nil
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
	return fmt.Errorf("%w: no under store at %q: unknown scheme %q (have %s)%s", driver.ErrInvalid, driver.Shown(u), u.Scheme, cmp.Or(strings.Join(Schemes(), ", "), "none"), do)
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
