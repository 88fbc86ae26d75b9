package cachefs_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/ufs/driver"
)

// TestAFetchFromBeforeIsNoAnswer: who joins a fetch that had begun before, and that fails, asks once by himself; all who do
// ask together. Whose fetch it was hears why it failed.
func TestAFetchFromBeforeIsNoAnswer(t *testing.T) {
	var errOnce = errors.Join(driver.ErrPermission, errors.New("for a moment"))
	ways := map[string]func(f *cachefs.File) error{
		"ReadAt": func(f *cachefs.File) error { _, err := f.ReadAt(make([]byte, 100), 0); return err },
		"View": func(f *cachefs.File) error {
			v, err := f.View(0, 100)
			if err == nil {
				v.Release()
			}
			return err
		},
	}
	for name, read := range ways {
		for _, lasts := range []int32{1, 100} { // fetches that fail
			t.Run(name, func(t *testing.T) {
				bubbletest.Test(t, func(t *testing.T) {
					c := cachefstest.New(t, 1)
					require.NoError(t, putOutside(t.Context(), c.Store.UFS(), "f", content(1, 100_000)))
					f, err := c.Node().Open(t.Context(), cachefstest.MountPath+"/f", nil)
					require.NoError(t, err)
					defer f.Close()
					var asked atomic.Int32
					let, again := make(chan struct{}), make(chan struct{})
					c.Store.OnCall(func(op, _ string) error {
						if op != "open" {
							return nil
						}
						n := asked.Add(1)
						<-let
						if n > 1 {
							<-again
						}
						if n <= lasts {
							return errOnce
						}
						return nil
					})
					first, later := make(chan error, 1), make(chan error, 8)
					go func() { first <- read(f) }()
					synctest.Wait()
					for range cap(later) {
						go func() { later <- read(f) }()
					}
					synctest.Wait()
					require.EqualValues(t, 1, asked.Load())
					close(let)
					require.ErrorIs(t, <-first, driver.ErrPermission)
					synctest.Wait()
					require.EqualValues(t, 2, asked.Load(), "one for all")
					close(again)
					for range cap(later) {
						if err := <-later; lasts > 1 {
							require.ErrorIs(t, err, driver.ErrPermission)
						} else {
							require.NoError(t, err)
						}
					}
					require.EqualValues(t, 2, asked.Load(), "and no more")
				})
			})
		}
	}
}
