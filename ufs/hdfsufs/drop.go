package hdfsufs

import (
	"context"
	"errors"

	"github.com/millpond/millpond/internal/cleaning"
	"github.com/millpond/millpond/ufs/driver"
)

// drop removes a temporary file, whatever has become of ctx. One that is not there is dropped. What Close of the store ends a listing will
// remove.
func (s *store) drop(ctx context.Context, path string) (removed bool, err error) {
	return cleaning.Do(ctx, s.cleaner, func(ctx context.Context) (removed bool, err error) {
		err = s.call(ctx, func(x *session) (err error) {
			removed, err = x.remove(path)
			return err
		})
		if errors.Is(err, driver.ErrNotExist) {
			err = nil
		}
		return removed, err
	})
}
