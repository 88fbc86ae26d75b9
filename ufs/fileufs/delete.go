package fileufs

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"strings"

	"github.com/millpond/millpond/ufs/driver"
)

// Delete implements driver.Store. Temporary files, which no listing shows, do not keep a directory: they are of uploads
// that go nowhere without it, or that died with their process.
func (s *store) Delete(_ context.Context, key string) error {
	err := mapErr(s.root.Remove(name(key)))
	if !errors.Is(err, driver.ErrNotEmpty) || !s.sweepTemps(name(key)) {
		return err
	}
	return mapErr(s.root.Remove(name(key)))
}

// sweepTemps removes the temporary files of a directory that has nothing else, and reports whether it had such.
func (s *store) sweepTemps(dir string) bool {
	list, err := fs.ReadDir(s.root.FS(), dir)
	if err != nil {
		return false
	}
	for _, e := range list {
		if !strings.HasPrefix(e.Name(), tempPrefix) {
			return false
		}
	}
	for _, e := range list {
		if s.root.Remove(path.Join(dir, e.Name())) != nil {
			return false
		}
	}
	return true
}
