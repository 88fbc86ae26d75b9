package tier

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/millpond/millpond/tier/internal/disk"
)

// SetQuota changes what a directory may take, in bytes; a smaller quota evicts until it is kept. A directory that is out
// of service keeps it when it comes back. Errors: fs.ErrNotExist if the tier has no such directory, fs.ErrInvalid for a
// quota that is too small, ErrNoSpace if what is there may not leave, ErrClosed.
func (s *Store) SetQuota(ctx context.Context, kind Kind, path string, quota int64) error {
	if s.closed.Load() {
		return ErrClosed
	}
	if least := max(s.opts.BlockSize, disk.MinQuota); quota < least {
		return fmt.Errorf("%w: quota of %d bytes for %s: the smallest is %d", fs.ErrInvalid, quota, path, least)
	}
	for _, t := range s.disks {
		for _, dir := range t.dirs {
			if t.cfg.Kind == kind && filepath.Clean(dir.path) == filepath.Clean(path) {
				return dir.setQuota(ctx, quota)
			}
		}
	}
	return fmt.Errorf("%w: no directory %s in a tier of %v", fs.ErrNotExist, path, kind)
}

func (dir *directory) setQuota(ctx context.Context, quota int64) error {
	dir.quota.Store(quota)
	err := dir.always(func(m *mounted) error {
		m.d.SetQuota(quota)
		m.pol.Resize(uint64(quota / costUnit))
		return nil
	})
	for err == nil {
		m := dir.writable()
		switch {
		case m == nil || m.d.Used() <= m.d.Capacity():
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case !dir.evictOne(ctx, m):
			return ErrNoSpace
		}
	}
	return err
}
