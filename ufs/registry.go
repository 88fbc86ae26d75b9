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
	registry   = map[string]driver.Parser{}
)

// Register makes a scheme known; a driver's init calls it. A scheme registered twice panics. What is wrong with a URL shows
// once it is opened: see RegisterParser.
func Register(scheme string, open driver.Opener) {
	RegisterParser(scheme, func(u *url.URL) (driver.Place, error) {
		return driver.Place{Open: func(ctx context.Context) (driver.Store, string, error) { return open(ctx, u) }}, nil
	})
}

// RegisterParser is Register for a driver that tells of a URL, before anything is opened, whether it is wrong and which
// directory of this machine it names: CheckURL and LocalDir ask it, and so does Open.
func RegisterParser(scheme string, parse driver.Parser) {
	registryMu.Lock()
	defer registryMu.Unlock()
	if _, dup := registry[scheme]; dup {
		panic("ufs: scheme registered twice: " + scheme)
	}
	registry[scheme] = parse
}

// Schemes lists the registered schemes, sorted.
func Schemes() []string {
	registryMu.RLock()
	defer registryMu.RUnlock()
	return slices.Sorted(maps.Keys(registry))
}

// Open opens the place that url names through the driver of its scheme.
func Open(ctx context.Context, rawURL string, o *Options) (*Store, error) {
	p, u, err := parse(rawURL)
	if err != nil {
		return nil, err
	}
	d, id, err := p.Open(ctx)
	if err != nil {
		return nil, noStore(u, err)
	}
	return New(d, id, o)
}

// CheckURL reports what is wrong with the URL of an under store as far as that can be seen without asking the store: an
// unknown scheme, of which it lists the known ones, a '#', or all that its driver refuses of it. Open says the same.
func CheckURL(rawURL string) error {
	_, _, err := parse(rawURL)
	return err
}

// LocalDir is the directory of this machine that the URL of an under store names, whether it exists or not; "" if it names none, or
// is wrong. It asks no store. See [Store.LocalDir] for one that is open.
func LocalDir(rawURL string) string {
	p, _, err := parse(rawURL)
	if err != nil {
		return ""
	}
	return p.Dir
}

// parse has a URL taken apart by its driver.
func parse(rawURL string) (driver.Place, *url.URL, error) {
	parser, u, err := lookUp(rawURL)
	if err != nil {
		return driver.Place{}, nil, err
	}
	p, err := parser(u)
	if err != nil {
		return driver.Place{}, nil, noStore(u, err)
	}
	return p, u, nil
}

// noStore is what a driver says of a URL, or of its place, with the part of the URL that can be no secret.
func noStore(u *url.URL, err error) error {
	return fmt.Errorf("no under store at %q: %w", driver.Shown(u), err)
}

// lookUp finds the driver for a URL.
func lookUp(rawURL string) (driver.Parser, *url.URL, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, nil, unparsed(rawURL, err)
	}
	registryMu.RLock()
	parser, ok := registry[u.Scheme]
	registryMu.RUnlock()
	if !ok {
		return nil, nil, unknown(u)
	}
	if strings.Contains(rawURL, "#") { // not shown: of a secret with a '#' a part may stand where the host is
		return nil, nil, fmt.Errorf("%w: no under store at a URL of scheme %q with a '#': what is behind it names nothing; in a name write %%23", driver.ErrInvalid, u.Scheme)
	}
	return parser, u, nil
}

// ours are the packages of this directory, by their schemes.
var ours = map[string]string{
	"azblob": "azufs", "file": "fileufs", "gs": "gcsufs", "hdfs": "hdfsufs", "http": "httpufs", "https": "httpufs", "mem": "memufs",
	"s3": "s3ufs", "swift": "swiftufs",
}

// unknown says that no driver has registered u's scheme, and what was forgotten, most likely.
func unknown(u *url.URL) error {
	do := `; import the driver for its scheme, such as _ "github.com/millpond/millpond/ufs/s3ufs"`
	if name := ours[u.Scheme]; name != "" {
		do = fmt.Sprintf("; import its driver, _ %q", "github.com/millpond/millpond/ufs/"+name)
	}
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
