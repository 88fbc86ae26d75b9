package httpufs

import "net/url"

// OpenDriver opens what is below a *ufs.Store, which checks much again.
var OpenDriver = openURL

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
