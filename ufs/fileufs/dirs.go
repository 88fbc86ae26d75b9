package fileufs

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"

	"github.com/millpond/millpond/ufs/driver"
)

// Mkdir makes a directory, and makes that outlive a loss of power.
func (s *store) Mkdir(_ context.Context, key string, parents bool, mode fs.FileMode) error {
	n, err := name(key)
	if err != nil {
		return err
	}
	if mode == 0 {
		mode = 0o755
	}
	r := s.place.root.Load()
	dirs := []string{path.Dir(key)}
	if parents {
		dirs, err = makeDirs(r, key, mode.Perm())
	} else {
		err = r.Mkdir(n, mode.Perm())
	}
	if err != nil {
		return s.fail(r, err)
	}
	for _, dir := range dirs {
		if err := syncDir(r, dir); err != nil {
			return &driver.Unknown{Err: s.fail(r, err)}
		}
	}
	return nil
}

// makeDirs makes a directory and those above it that are missing, and returns the directories that got one, the deepest
// first.
func makeDirs(r *os.Root, key string, mode fs.FileMode) (changed []string, err error) {
	if key == "" || key == "." {
		return nil, nil
	}
	n, err := name(key)
	if err != nil {
		return nil, err
	}
	err = r.Mkdir(n, mode)
	up := path.Dir(key)
	if errors.Is(err, fs.ErrNotExist) && up != "." {
		if changed, err = makeDirs(r, up, mode); err != nil {
			return nil, err
		}
		err = r.Mkdir(n, mode)
	}
	if errors.Is(err, fs.ErrExist) { // also one that was made by others meanwhile
		fi, serr := r.Stat(n)
		switch {
		case serr != nil:
			return nil, serr
		case fi.IsDir():
			return changed, nil
		}
		return nil, driver.ErrNotDir
	}
	if err != nil {
		return nil, err
	}
	return append([]string{up}, changed...), nil
}

// syncDir makes the names in a directory durable. One that was removed meanwhile has none.
func syncDir(r *os.Root, key string) error {
	f, err := r.Open(key)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil && !noDirSync(err) {
		return err
	}
	return nil
}
