package cachefs

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
)

// check returns everything that is wrong with c but for its tiers, whose directories depend on the defaults.
func (c *Config) check() (bad []error) {
	if err := checkBlockSize(c.BlockSize); err != nil {
		bad = append(bad, wrong("BlockSize", c.BlockSize, err.Error()))
	}
	for _, n := range c.counts() {
		if *n.v < 0 {
			bad = append(bad, wrong(n.name, *n.v, fmt.Sprintf("0 (the default, %d) or more", n.def)))
		}
	}
	for _, d := range c.delays() {
		if *d.v < 0 {
			bad = append(bad, wrong(d.name, *d.v, fmt.Sprintf("0 (the default, %v) or more", d.def)))
		}
	}
	bad = append(bad, layer("Journal", c.checkJournal())...)
	if c.Mesh != nil {
		bad = append(bad, layer("Mesh", c.Mesh.Check())...)
	}
	bad = append(bad, layer("UFS", c.UFS.Check())...)
	bad = append(bad, c.checkBackup()...)
	for i := range c.Mounts {
		bad = append(bad, c.checkMount(i)...)
		bad = append(bad, c.checkOwnDirs(i)...)
	}
	return bad
}

// checkMount returns what is wrong with Mounts[i], by itself and beside those before it.
func (c *Config) checkMount(i int) (bad []error) {
	m := &c.Mounts[i]
	field := func(name string) string { return fmt.Sprintf("Mounts[%d].%s", i, name) }
	switch err := checkPath(m.Path); {
	case err != nil:
		bad = append(bad, fmt.Errorf("%s is %q: %w", "Config."+field("Path"), m.Path, err))
	case m.Path == "/":
		bad = append(bad, wrong(field("Path"), `"/"`, `a path below the root, such as "/data"`))
	}
	switch {
	case m.URL == "" && m.Store == nil:
		bad = append(bad, wrong(field("URL"), `""`, "the URL of an under store, or an opened one in Store"))
	case m.Store == nil:
		if err := ufs.CheckURL(m.URL); err != nil {
			bad = append(bad, fmt.Errorf("%s: %w", "Config."+field("URL"), err))
		}
	}
	if err := checkSync(m.Sync); err != nil {
		bad = append(bad, wrong(field("Sync"), m.Sync, err.Error()))
	}
	for k := range c.Mounts[:i] {
		o := &c.Mounts[k]
		if o.Path == m.Path {
			bad = append(bad, wrong(field("Path"), fmt.Sprintf("%q", m.Path), fmt.Sprintf("another than Mounts[%d].Path", k)))
		}
		if overlap(o.place(), m.place()) {
			bad = append(bad, wrong(field("URL"), fmt.Sprintf("%q", m.place()), fmt.Sprintf("a place apart from Mounts[%d]'s, %q", k, o.place())))
		}
	}
	return bad
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

// overlap reports whether one place of a store contains the other, or is it.
func overlap(a, b string) bool {
	a, b = strings.TrimRight(a, "/"), strings.TrimRight(b, "/")
	return a != "" && b != "" && (a == b || strings.HasPrefix(a, b+"/") || strings.HasPrefix(b, a+"/"))
}

// wrong says which field has which value, and what would do.
func wrong(field string, value any, want string) error {
	return fmt.Errorf("%w: Config.%s is %v; want %s", ErrInvalid, field, value, want)
}

// layer names the field of the Config whose layer complains, in each of the errors that it joined.
func layer(field string, err error) (bad []error) {
	if err == nil {
		return nil
	}
	for _, e := range err.(interface{ Unwrap() []error }).Unwrap() {
		if !errors.Is(e, ErrInvalid) {
			e = fmt.Errorf("%w: %w", ErrInvalid, e)
		}
		bad = append(bad, fmt.Errorf("%s: %w", "Config."+field, e))
	}
	return bad
}

// checkJournal checks what is the user's: Open adds the peers.
func (c *Config) checkJournal() error {
	j := c.Journal
	if c.Mesh == nil {
		return j.Check()
	}
	j.Peers = journalPeers{}
	return j.Check()
}
