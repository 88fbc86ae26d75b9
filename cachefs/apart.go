package cachefs

import (
	"fmt"
	"net/url"
	"path/filepath"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
)

// spot is where the files of a mount are. Mounts are apart: of two whose spots overlap one file would have two names, and a
// change of one would not be seen at the other.
type spot struct {
	name    string // of the place in its store, as people are shown it
	place   string // in full; "" of a URL that names none, which is told of elsewhere
	options string // of a URL that is not open yet: they may say which store it is
	dir     string // of this machine; "" for a place that is elsewhere
	real    string // dir with its links followed
}

// spot is what is known before the store is opened.
func (m *MountConfig) spot() spot {
	s := spot{name: m.place(), place: m.place(), dir: m.localDir()}
	if m.Store == nil {
		s.place = ""
		if u, err := url.Parse(m.URL); err == nil && u.Scheme != "" {
			s.place, s.options = u.Scheme+"://"+u.Host+u.Path, u.RawQuery
		}
	}
	return s.follow()
}

// spot knows the store also while it is not open here.
func (m *mount) spot() spot {
	s := spot{name: m.spec.Store, place: m.spec.Store, dir: ufs.LocalDir(m.spec.URL)}
	if store := m.store.Load(); store != nil {
		s.dir = store.LocalDir()
	}
	return s.follow()
}

func (s spot) follow() spot {
	if s.dir != "" {
		s.real = realPath(s.dir)
	}
	return s
}

// behind says where s lies if its name does not, since there is a link on the way.
func (s spot) behind() string {
	if s.real == s.dir {
		return ""
	}
	return fmt.Sprintf(" (by a link: %q)", s.real)
}

// overlaps reports whether one spot contains the other, or is it, as far as both are known.
func (s spot) overlaps(o spot) bool {
	if s.dir != "" && o.dir != "" {
		return inside(s.real, o.real) || inside(o.real, s.real)
	}
	return s.options == o.options && driver.Overlap(s.place, o.place)
}

// inside reports whether path is dir, or lies in it.
func inside(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}

// place names the place in the store as far as it is known before the store is opened.
func (m *MountConfig) place() string {
	if m.Store != nil {
		return m.Store.ID()
	}
	u, err := url.Parse(m.URL)
	if err != nil {
		return ""
	}
	return driver.Shown(u)
}

// checkApart returns what is wrong with the mounts beside each other.
func (c *Config) checkApart() (bad []error) {
	spots := make([]spot, len(c.Mounts))
	for i := range c.Mounts {
		spots[i] = c.Mounts[i].spot()
		for k := range spots[:i] {
			bad = append(bad, c.checkPair(k, i, spots)...)
		}
	}
	return bad
}

// checkPair refuses Mounts[i] beside Mounts[k], which stands before it.
func (c *Config) checkPair(k, i int, spots []spot) (bad []error) {
	if path := c.Mounts[i].Path; path == c.Mounts[k].Path {
		bad = append(bad, wrong(fmt.Sprintf("Mounts[%d].Path", i), fmt.Sprintf("%q", path), fmt.Sprintf("another than Mounts[%d].Path", k)))
	}
	if s, o := spots[i], spots[k]; s.overlaps(o) {
		bad = append(bad, wrong(fmt.Sprintf("Mounts[%d].URL", i), fmt.Sprintf("%q%s", s.name, s.behind()), fmt.Sprintf("a place apart from Mounts[%d]'s, %q%s", k, o.name, o.behind())))
	}
	return bad
}

// apart refuses a new mount that is not apart from those that there are.
func (n *Node) apart(m *mount) error {
	s := m.spot()
	for _, other := range n.mounts.all() {
		if o := other.spot(); s.overlaps(o) {
			return invalid("%s%s contains, or lies in, %s%s, which is mounted at %s; mount a place apart from it", s.name, s.behind(), o.name, o.behind(), other.path)
		}
	}
	return nil
}
