package fileufs

import (
	"errors"
	"fmt"
	"os"

	"github.com/millpond/millpond/ufs/driver"
)

// fail says what the system's error means for a store. One that says that the file system is gone is handed up as it
// is, for something that may pass.
func (s *store) fail(r *os.Root, err error) error {
	is := func(e error) bool { return e != nil && errors.Is(err, e) }
	switch {
	case err == nil:
		return nil
	case is(s.place.escapes):
		return fmt.Errorf("%w: the way leads out of the directory", driver.ErrNotExist)
	case is(enotdir):
		return fmt.Errorf("%w: %w", driver.ErrNotExist, driver.ErrNotDir)
	case is(eloop):
		return fmt.Errorf("%w: links in a circle", driver.ErrNotExist)
	case is(enotempty): // before ErrExist, which it is as well for package syscall
		return driver.ErrNotEmpty
	case is(eisdir):
		return driver.ErrIsDir
	case is(erofs):
		return fmt.Errorf("%w: %w", driver.ErrReadOnly, err)
	case is(exdev):
		return fmt.Errorf("%w: to another file system: %w", driver.ErrUnsupported, err)
	case is(einval), is(enametoolong):
		return fmt.Errorf("%w: %w", driver.ErrInvalid, err)
	case is(driver.ErrNotExist) && removed(r):
		s.place.lost(r)
		return fmt.Errorf("%w: the directory %s was removed", driver.ErrUnavailable, s.place.dir)
	case isGone(err):
		s.place.lost(r)
		return fmt.Errorf("%w: %w", driver.ErrUnavailable, err)
	}
	return err
}
