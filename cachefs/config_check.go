package cachefs

import (
	"errors"
	"fmt"

	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/ufs"
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
	if c.Journal.Level > namespace.MaxLevel {
		bad = append(bad, wrong("Journal.Level", c.Journal.Level, fmt.Sprintf("at most %d, which is the default", namespace.MaxLevel)))
	}
	if c.Mesh != nil {
		bad = append(bad, layer("Mesh", c.Mesh.Check())...)
	}
	bad = append(bad, layer("UFS", c.UFS.Check())...)
	bad = append(bad, c.checkBackup()...)
	for i := range c.Mounts {
		bad = append(bad, c.checkMount(i)...)
		bad = append(bad, c.checkOwnDirs(i)...)
	}
	return append(bad, c.checkApart()...)
}

// checkMount returns what is wrong with Mounts[i] by itself.
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
	return bad
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
