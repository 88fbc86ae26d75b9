// Package plain reads an under store without a cache: what the examples check themselves against.
package plain

import (
	"context"
	"io"

	"github.com/millpond/millpond/ufs"
)

// Files shows each file of a store to file, one after the other, with its bytes.
func Files(ctx context.Context, s *ufs.Store, file func(key string, data []byte) error) error {
	for a, err := range s.List(ctx, ufs.ListOptions{Recursive: true}) {
		if err != nil {
			return err
		}
		if a.Dir {
			continue
		}
		data := make([]byte, a.Size)
		if _, err := s.ReadAt(ctx, a.Key, a.Version, data, 0); err != nil && err != io.EOF {
			return err
		}
		if err := file(a.Key, data); err != nil {
			return err
		}
	}
	return nil
}
