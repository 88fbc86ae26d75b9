package httpufs

import (
	"context"
	"net/url"

	"github.com/millpond/millpond/ufs/driver"
)

// OpenDriver opens what is below a *ufs.Store, which checks much again.
func OpenDriver(ctx context.Context, u *url.URL) (driver.Store, string, error) {
	p, err := parse(u)
	if err != nil {
		return nil, "", err
	}
	return p.Open(ctx)
}

// ParseIndex has "/" after directories.
func ParseIndex(page []byte, dir *url.URL) (names []string, skipped int, ok bool) {
	entries, skipped, ok := parseIndex(page, dir)
	for _, e := range entries {
		n := e.name
		if e.dir {
			n += "/"
		}
		names = append(names, n)
	}
	return names, skipped, ok
}
