package hdfsufs

import (
	"fmt"
	"net/url"
	"path"
	"strings"

	"github.com/millpond/millpond/ufs/driver"
)

// place is what a URL names.
type place struct {
	authority string // as Open takes it
	dir       string
	user      string // "" for the one of the environment
}

// parse takes hdfs://namenode:port/path?user= apart.
func parse(u *url.URL) (place, error) {
	q, err := driver.Query(u, "user")
	switch {
	case err != nil:
		return place{}, err
	case u.Opaque != "" || u.User != nil:
		return place{}, fmt.Errorf("%w: want hdfs://NAMENODE:PORT/PATH?user=NAME", driver.ErrInvalid)
	}
	return place{authority: u.Host, dir: u.Path, user: q.Get("user")}, nil
}

// check refuses NameNodes that have no address, and a path that is not absolute or not clean: what ".." leaves would be
// another place than it looks.
func (p place) check() error {
	if _, err := addresses(p.authority); p.authority != "" && err != nil {
		return err
	}
	key := strings.TrimSuffix(strings.TrimPrefix(p.dir, "/"), "/")
	if p.dir != "" && !path.IsAbs(p.dir) || !driver.ValidKey(key) {
		return fmt.Errorf("%w: path %q; want an absolute one without empty, \".\" or \"..\" components", driver.ErrInvalid, driver.ShownPath(p.dir))
	}
	return nil
}

func (p place) clean() string { return path.Join("/", p.dir) }
