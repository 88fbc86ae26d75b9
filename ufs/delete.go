package ufs

import (
	"context"
	"errors"
	"sync"

	"github.com/millpond/millpond/ufs/driver"
	"golang.org/x/sync/errgroup"
)

// many is how many calls one call here makes at a time, where it is composed of many: enough to hide a network's way,
// and an eighth of Options.MaxCalls.
const many = 8

// Delete removes a file or an empty directory: ErrNotExist, ErrNotEmpty. An answer that is lost is a *driver.Unknown.
func (s *Store) Delete(ctx context.Context, key string) error {
	return s.call(ctx, opDelete, key, func(ctx context.Context) error { return s.d.Delete(ctx, key) })
}

// deleteVersion removes a file if it has that version: ErrChanged. Where the store takes no condition it looks first,
// and what is written between the look and the deletion is lost.
func (s *Store) deleteVersion(ctx context.Context, key, version string) error {
	if d, ok := s.d.(driver.VersionDeleter); ok && s.Caps().DeleteVersion {
		return s.call(ctx, opDelete, key, func(ctx context.Context) error { return d.DeleteVersion(ctx, key, version) })
	}
	a, err := s.Stat(ctx, key)
	if err == nil && !a.Is(version) {
		err = s.wrap(opDelete, key, 1, driver.ErrChanged)
	}
	if err != nil {
		return err
	}
	return s.Delete(ctx, key)
}

// DeleteBatch removes files, in as few requests as the store allows, several at a time. The map has those that are still
// there and why; one that is missing has not failed.
func (s *Store) DeleteBatch(ctx context.Context, keys []string) map[string]error {
	f := failures{}
	var g errgroup.Group
	g.SetLimit(many)
	for _, chunk := range s.chunks(keys) {
		g.Go(func() error {
			s.deleteChunk(ctx, chunk, &f)
			return nil
		})
	}
	g.Wait()
	return f.byKey
}

// chunks cuts keys into what one request takes.
func (s *Store) chunks(keys []string) (all [][]string) {
	size := 1
	if _, ok := s.d.(driver.BatchDeleter); ok {
		size = max(s.Caps().BatchDelete, 1)
	}
	for len(keys) > size {
		all = append(all, keys[:size])
		keys = keys[size:]
	}
	if len(keys) > 0 {
		all = append(all, keys)
	}
	return all
}

func (s *Store) deleteChunk(ctx context.Context, keys []string, f *failures) {
	if len(keys) == 1 {
		f.add(keys[0], s.Delete(ctx, keys[0]))
		return
	}
	b := s.d.(driver.BatchDeleter) // chunks made sure
	var failed map[string]error
	err := s.call(ctx, opDeleteBatch, keys[0], func(ctx context.Context) (err error) {
		failed, err = b.DeleteBatch(ctx, keys)
		return err
	})
	for _, key := range keys {
		switch {
		case err != nil:
			f.add(key, err)
		case failed[key] != nil:
			f.add(key, s.wrap(opDelete, key, 1, failed[key]))
		}
	}
}

// failures collects, from any number of goroutines.
type failures struct {
	mu    sync.Mutex
	byKey map[string]error
}

func (f *failures) add(key string, err error) {
	if err == nil || errors.Is(err, driver.ErrNotExist) {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.byKey == nil {
		f.byKey = map[string]error{}
	}
	f.byKey[key] = err
}
