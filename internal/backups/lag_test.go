package backups_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/backups"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/memufs"
)

var errBusy = errors.New("listed without a pause")

// lagging is a store whose listings lack what is younger than a minute. It counts them, and ends who goes on without a pause.
type lagging struct {
	*memufs.Store
	listed int
	ghost  time.Time // until then a listing has an entry that was deleted
}

func (l *lagging) List(ctx context.Context, o driver.ListOptions) (driver.Page, error) {
	if l.listed++; l.listed > 1000 {
		return driver.Page{}, errBusy
	}
	p, err := l.Store.List(ctx, o)
	p.Entries = slices.DeleteFunc(p.Entries, func(a driver.Attr) bool { return time.Since(a.ModTime) < time.Minute })
	if time.Now().Before(l.ghost) {
		p.Entries = append(p.Entries, driver.Attr{Key: fmt.Sprintf("b/%020d.json", 99)})
	}
	return p, err
}

func lags(t *testing.T) (*lagging, *backups.Place) {
	l := &lagging{Store: memufs.New(nil)}
	s, err := ufs.New(l, "lagging://s", nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return l, place(t, s)
}

// TestListingThatLags: who finds a number taken that no listing shows yet asks again with pauses, until it shows.
func TestListingThatLags(t *testing.T) {
	for name, call := range map[string]func(context.Context, *backups.Place) error{
		"TakeOver": func(ctx context.Context, p *backups.Place) error { return p.TakeOver(ctx, "b") },
		"Save": func(ctx context.Context, p *backups.Place) error {
			_, err := p.Save(ctx, "b", content(1, "of b"))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, p := lags(t)
				require.NoError(t, p.TakeOver(t.Context(), "a"))
				began := time.Now()
				err := call(t.Context(), p)
				if name == "Save" {
					require.ErrorIs(t, err, backups.ErrFenced)
				} else {
					require.NoError(t, err)
				}
				require.Less(t, l.listed, 200)
				require.Less(t, time.Since(began), 70*time.Second, "soon after it shows")
			})
		})
		t.Run(name+" within its context", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, p := lags(t)
				require.NoError(t, p.TakeOver(t.Context(), "a"))
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				began := time.Now()
				require.ErrorIs(t, call(ctx, p), context.DeadlineExceeded)
				require.Equal(t, 10*time.Second, time.Since(began))
			})
		})
	}
}

// TestListingThatShowsWhatIsGone: the newest entry of a listing may have been deleted, for another one that it does not show yet.
func TestListingThatShowsWhatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, p := lags(t)
		require.NoError(t, p.TakeOver(t.Context(), "a"))
		l.ghost, l.listed = time.Now().Add(2*time.Minute), 0
		require.NoError(t, p.TakeOver(t.Context(), "a"))
		require.Less(t, l.listed, 200)
		require.NoError(t, p.TakeOver(t.Context(), "b"), "nothing stays of it")
	})
}
