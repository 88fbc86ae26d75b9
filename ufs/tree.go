package ufs

import (
	"context"
	"errors"

	"github.com/millpond/millpond/ufs/driver"
)

// mostPasses bounds how often a directory is listed until it stays empty: more than once only if files come meanwhile, or
// a listing loses its place when what it listed goes.
const mostPasses = 4

// emptying takes the files out of a tree, a page at a time, and deletes the directories that this leaves, children before
// parents. It holds a page for each level.
type emptying struct {
	s     *Store
	files func(ctx context.Context, page []Attr) error // each page's; they are gone after it
	found func(ctx context.Context, dir string) error  // a directory, before what is in it; nil: nothing to do
	bare  func(ctx context.Context, dir string) error  // one that nothing was in; nil: nothing to do
}

// dir empties and deletes a directory: ErrNotExist, ErrNotDir.
func (e *emptying) dir(ctx context.Context, dir string) error {
	if e.found != nil {
		if err := e.found(ctx, dir); err != nil {
			return err
		}
	}
	for pass, all := 1, 0; ; pass++ {
		n, err := e.pass(ctx, dir)
		all += n
		if err == nil && all == 0 && e.bare != nil {
			err = e.bare(ctx, dir)
		}
		if err == nil && dir != "" { // the place itself stays
			err = e.s.Delete(ctx, dir)
		}
		switch {
		case errors.Is(err, driver.ErrNotEmpty) && pass < mostPasses:
		case errors.Is(err, driver.ErrNotExist) && all > 0:
			return nil // it went with its last file
		default:
			return err
		}
	}
}

// pass lists a directory once and empties what it finds; n is how much that was.
func (e *emptying) pass(ctx context.Context, dir string) (n int, err error) {
	o := ListOptions{Prefix: dir}
	for {
		p, err := e.s.ListPage(ctx, o)
		if err != nil {
			return n, err
		}
		n += len(p.Entries)
		if err := e.page(ctx, p.Entries); err != nil || p.Token == "" {
			return n, err
		}
		o.Token = p.Token
	}
}

func (e *emptying) page(ctx context.Context, entries []Attr) error {
	var files []Attr
	for _, a := range entries {
		if !a.Dir || a.Link != "" { // a link is moved or removed itself, not what it points to
			files = append(files, a)
			continue
		}
		if err := e.dir(ctx, a.Key); err != nil && !errors.Is(err, driver.ErrNotExist) {
			return err
		}
	}
	if len(files) == 0 {
		return nil
	}
	return e.files(ctx, files)
}
