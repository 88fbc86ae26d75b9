package ufstest_test

import (
	"context"
	"io"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/redtest"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/memufs"
	"github.com/millpond/millpond/ufs/ufstest"
)

// broken is a driver that keeps all promises but one: good does what is right, the funcs that are set do not.
type broken struct {
	good     *ufstest.Faulty
	onStat   func(ctx context.Context, key string) (driver.Attr, error)
	onList   func(ctx context.Context, o driver.ListOptions) (driver.Page, error)
	onOpen   func(ctx context.Context, key string, off, n int64, version string) (io.ReadCloser, driver.Attr, error)
	onCreate func(ctx context.Context, key string, o driver.CreateOptions) (driver.Writer, error)
	onDelete func(ctx context.Context, key string) error
	onRename func(ctx context.Context, from, to string, overwrite bool) (driver.Attr, error)
	onMkdir  func(ctx context.Context, key string, parents bool, mode fs.FileMode) error
}

func newBroken(breaks func(b *broken)) *broken {
	caps := memufs.Directory()
	caps.ReplaceVersion = true
	f, err := ufstest.NewFaulty(memufs.New(&memufs.Options{Caps: &caps}), "")
	if err != nil {
		panic(err) // an empty script parses
	}
	b := &broken{
		good: f, onStat: f.Stat, onList: f.List, onOpen: f.Open, onCreate: f.Create, onDelete: f.Delete, onRename: f.Rename, onMkdir: f.Mkdir,
	}
	breaks(b)
	return b
}

func (b *broken) Caps() driver.Caps { return b.good.Caps() }
func (b *broken) Close() error      { return b.good.Close() }
func (b *broken) Stat(ctx context.Context, key string) (driver.Attr, error) {
	return b.onStat(ctx, key)
}
func (b *broken) List(ctx context.Context, o driver.ListOptions) (driver.Page, error) {
	return b.onList(ctx, o)
}
func (b *broken) Open(ctx context.Context, key string, off, n int64, version string) (io.ReadCloser, driver.Attr, error) {
	return b.onOpen(ctx, key, off, n, version)
}
func (b *broken) Create(ctx context.Context, key string, o driver.CreateOptions) (driver.Writer, error) {
	return b.onCreate(ctx, key, o)
}
func (b *broken) Delete(ctx context.Context, key string) error { return b.onDelete(ctx, key) }
func (b *broken) Rename(ctx context.Context, from, to string, overwrite bool) (driver.Attr, error) {
	return b.onRename(ctx, from, to, overwrite)
}
func (b *broken) Mkdir(ctx context.Context, key string, parents bool, mode fs.FileMode) error {
	return b.onMkdir(ctx, key, parents, mode)
}

// harness makes a place over a fresh broken driver.
func harness(breaks func(b *broken)) ufstest.Harness {
	return ufstest.Harness{
		Open: func(tb testing.TB) *ufs.Store {
			s, err := ufs.New(newBroken(breaks), "mem://broken", &ufs.Options{Attempts: 2, BaseDelay: 1, MaxDelay: 1})
			require.NoError(tb, err)
			tb.Cleanup(func() { s.Close() })
			return s
		},
		Deny: func(tb testing.TB, s *ufs.Store, key string) *ufs.Store {
			f, err := ufstest.NewFaulty(ufstest.Driver(s), "* fail=notexist") // hides what it should forbid
			require.NoError(tb, err)
			denied, err := ufs.New(f, "mem://denied", nil)
			require.NoError(tb, err)
			return denied
		},
	}
}

// whole is a store that keeps its promises.
func whole(*broken) {}

// unbreakable items are about package ufs, which makes good what a driver breaks.
var unbreakable = map[int]string{58: "a body that ends early is resumed by package ufs, or is an error"}

// TestTableSeesBrokenDrivers: each item goes red over a driver that breaks its promise, and over none that does not.
func TestTableSeesBrokenDrivers(t *testing.T) {
	red := map[int]bool{}
	for _, c := range breakages {
		t.Run(c.name, func(t *testing.T) {
			for _, n := range c.items {
				failed, skipped, said := redtest.Record(t, func(tb testing.TB) { ufstest.Check(tb, harness(c.breaks), n) })
				require.True(t, failed, "item %d is green (skipped: %v %v)", n, skipped, said)
				red[n] = true
			}
		})
	}
	for _, n := range ufstest.Items() {
		if unbreakable[n] == "" {
			require.True(t, red[n], "item %d was never seen red", n)
		}
		if n == 57 {
			continue // the harness denies wrongly for all
		}
		failed, _, said := redtest.Record(t, func(tb testing.TB) { ufstest.Check(tb, harness(whole), n) })
		require.False(t, failed, "item %d over a store that is whole: %v", n, said)
	}
}
