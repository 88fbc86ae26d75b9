package cachefs

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/ufs"
)

// ownDir is a directory of the local disk that a node writes for itself.
type ownDir struct {
	field string // of the Config, that says so
	path  string
}

// ownDirs are those that the Config names; the others lie in Dir.
func (c *Config) ownDirs() (list []ownDir) {
	add := func(path, field string, args ...any) {
		if path != "" {
			list = append(list, ownDir{fmt.Sprintf(field, args...), path})
		}
	}
	add(c.Dir, "Dir")
	add(c.Journal.Dir, "Journal.Dir")
	for i, t := range c.Tiers {
		for k, d := range t.Dirs {
			add(d.Path, "Tiers[%d].Dirs[%d].Path", i, k)
		}
	}
	return list
}

// ownDirsIn are those that the place of a mount holds, where that is a directory of this machine: the cache would cache itself.
func (c *Config) ownDirsIn(place string) (list []ownDir) {
	if place == "" || c.FS != nil && c.FS != vfs.OS { // the disk below the node is another one than that of the mount
		return nil
	}
	place = realPath(place)
	for _, d := range c.ownDirs() {
		if inside(place, realPath(d.path)) {
			list = append(list, d)
		}
	}
	return list
}

// localDir is the directory of this machine that is to be mounted, "" for any other place.
func (m *MountConfig) localDir() string {
	if m.Store != nil {
		return m.Store.LocalDir()
	}
	return ufs.LocalDir(m.URL)
}

// checkOwnDirs refuses Mounts[i] if it holds a directory of ours.
func (c *Config) checkOwnDirs(i int) (bad []error) {
	place := c.Mounts[i].localDir()
	for _, d := range c.ownDirsIn(place) {
		bad = append(bad, wrong(d.field, fmt.Sprintf("%q", d.path), fmt.Sprintf("a directory outside of %q, which Mounts[%d] mounts: the cache would cache itself", place, i)))
	}
	return bad
}

// outsideOwnDirs refuses a new mount that holds a directory of ours. What others have mounted, or an earlier run, stays: it is in use.
func (n *Node) outsideOwnDirs(m *MountConfig) error {
	place := m.localDir()
	for _, d := range n.cfg.ownDirsIn(place) {
		return invalid("%q holds Config.%s, %q: the cache would cache itself; mount another directory, or put that one elsewhere", place, d.field, d.path)
	}
	return nil
}

// realPath is a path with its links followed as far as it exists.
func realPath(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	rest := ""
	for p := abs; ; p = filepath.Dir(p) {
		if real, err := filepath.EvalSymlinks(p); err == nil {
			return filepath.Join(real, rest)
		}
		if p == filepath.Dir(p) {
			return abs
		}
		rest = filepath.Join(filepath.Base(p), rest)
	}
}

// aboutJournal names the field of the Config in an error of the directory that the journal is in.
func (c *Config) aboutJournal(err error) error {
	own := ownDir{"Journal.Dir", c.Journal.Dir}
	if own.path == c.dirOfJournal() {
		own = ownDir{"Dir", c.Dir}
	}
	var path string
	if e, ok := errors.AsType[*vfs.LockedError](err); ok {
		path = e.Name
	} else if e, ok := errors.AsType[*fs.PathError](err); ok {
		path = e.Path
	}
	if own.path == "" || path == "" || !inside(own.path, path) {
		return err
	}
	return own.fails(err)
}

// fails is an error of the directory with the field that names it, and what would do.
func (d ownDir) fails(err error) error {
	err = fmt.Errorf("%s is %q: %w", "Config."+d.field, d.path, err)
	if _, says := errors.AsType[*vfs.LockedError](err); says {
		return err
	}
	return refuse(err, "want a directory that this process can make and write")
}

// dirOfJournal is where the journal is if Journal.Dir does not say so; "" for nowhere.
func (c *Config) dirOfJournal() string {
	if c.Dir == "" {
		return ""
	}
	return filepath.Join(c.Dir, "journal")
}
