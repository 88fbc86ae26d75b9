package fileufs

import (
	"context"
	"errors"
	"os"
	"path"

	"github.com/millpond/millpond/ufs/driver"
)

// Delete removes a file or an empty directory; of a link it is the link. Temporary files, which no listing shows, do not
// keep a directory: they are of uploads that go nowhere without it, or that died with their process.
func (s *store) Delete(ctx context.Context, key string) error {
	n, err := child(key)
	if err != nil {
		return err
	}
	r := s.place.root.Load()
	err = s.fail(r, r.Remove(n))
	if errors.Is(err, driver.ErrNotEmpty) && dropTemps(ctx, r, n) {
		err = s.fail(r, r.Remove(n))
	}
	return err
}

// dropTemps removes the temporary files of a directory that has nothing else, and reports whether it had such.
func dropTemps(ctx context.Context, r *os.Root, dir string) bool {
	names, temps, err := readNames(ctx, r, dir)
	if err != nil || len(names.list) > 0 {
		return false
	}
	for _, t := range temps {
		if r.Remove(path.Join(dir, t)) != nil {
			return false
		}
	}
	return true
}
