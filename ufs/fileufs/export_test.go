package fileufs

import (
	"context"
	"errors"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
)

// What renames do where the system has no exclusive one.
var (
	RenameByLink    = renameByLink
	RenameOntoEmpty = renameOntoEmpty
	RenameAfterLook = renameAfterLook
)

// OpenDistant opens a directory of this machine as if another served it.
func OpenDistant(dir string, o *ufs.Options) (*ufs.Store, error) {
	s, err := open(dir)
	if err != nil {
		return nil, err
	}
	return ufs.New(&distant{store: s.(*store)}, "file://"+toURLPath(dir), o)
}

// Leave makes n calls that return when the function that it gives is called, and leaves them. made counts those that were made,
// late what they brought.
func Leave(ctx context.Context, n int) (refused int, late chan int, answer func() error) {
	d := &distant{store: &store{}}
	silence := make(chan struct{})
	late = make(chan int, n)
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	for i := range n {
		_, err := away(ctx, d, func(i int) { late <- i }, func() (int, error) { <-silence; return i, nil })
		if errors.Is(err, driver.ErrUnavailable) {
			refused++
		}
	}
	return refused, late, func() error {
		close(silence)
		d.calls.Wait()
		if d.left.Load() != 0 {
			return errors.New("some are left")
		}
		_, err := away(context.Background(), d, nil, func() (int, error) { return 0, nil })
		return err
	}
}

const MostLeft = mostLeft
