package cachefs_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
)

// once is a Reader that fails with err after some bytes. Who asks it again is told that it has ended.
type once struct {
	left int
	err  error
}

func (o *once) Read(p []byte) (int, error) {
	n := min(len(p), o.left)
	o.left -= n
	if n > 0 {
		return n, nil
	}
	err := o.err
	o.err = io.EOF
	return 0, err
}

// TestErrorOfTheReader: what a Writer reads from fails with an error that the tiers have, too, as a file of another Millpond's does. It is
// the reader's: nothing is written elsewhere for it, and the file is gone, whatever the write type, at a node and at a Client.
func TestErrorOfTheReader(t *testing.T) {
	c := cachefstest.New(t, 1, overLoopback)
	for who, f := range map[string]cachefs.FileSystem{"node": c.Node(), "client": dial(t, c.Node())} {
		for how, dir := range map[cachefs.WriteType]string{
			cachefs.MustCache: "/", cachefs.CacheThrough: "/mem/", cachefs.Through: "/mem/", cachefs.AsyncThrough: "/mem/",
		} {
			t.Run(fmt.Sprint(who, " ", how), func(t *testing.T) {
				ctx := t.Context()
				theirs := errors.New("theirs")
				path := dir + fmt.Sprint(who, int(how))
				w, err := f.Create(ctx, path, &cachefs.CreateOptions{WriteType: how})
				require.NoError(t, err)
				n, err := w.ReadFrom(&once{100_000, fmt.Errorf("%w: %w", theirs, cachefs.ErrNoSpace)})
				require.ErrorIs(t, err, theirs)
				require.EqualValues(t, 100_000, n)
				require.ErrorIs(t, w.Close(), theirs)
				require.Eventually(t, func() bool { // a client's goes when its node hears of it
					_, err := c.Node().Stat(ctx, path, &cachefs.StatOptions{Sync: true})
					return errors.Is(err, fs.ErrNotExist)
				}, 10*time.Second, time.Millisecond)
			})
		}
	}
}
