package backups

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/millpond/millpond/internal/jitter"
)

// ErrFenced says that another owner holds the place; a *FencedError has more.
var ErrFenced = errors.New("the backup is another mesh's")

// FencedError says who holds a place.
type FencedError struct {
	Place string
	Owner string
	Epoch uint64
	Since time.Time // of his newest entry
}

func (e *FencedError) Error() string {
	return fmt.Sprintf("%v: %s is history %s's by claim %d (seen at %s); take it over, or choose another place", ErrFenced, e.Place, e.Owner, e.Epoch,
		e.Since.Format(time.RFC3339))
}

func (e *FencedError) Unwrap() error { return ErrFenced }

func (p *Place) fenced(by *Entry) error {
	return &FencedError{Place: p.String(), Owner: by.Owner, Epoch: by.Epoch, Since: by.Made}
}

// hold returns the newest entry if the place is owner's. An empty one becomes his.
func (p *Place) hold(ctx context.Context, owner string) (Entry, error) {
	for n := 1; ; n++ {
		e, err := p.newest(ctx)
		switch {
		case err != nil:
			return e, err
		case e.Number > 0 && e.Owner != owner:
			return e, p.fenced(&e)
		case e.Number > 0:
			return e, nil
		}
		if e, err = p.claim(ctx, owner, 1); !isTaken(err) {
			return e, err
		}
		if err := lag(ctx, n); err != nil { // another one began at the same time
			return e, err
		}
	}
}

// claim makes the place owner's by entry number, if that is still free.
func (p *Place) claim(ctx context.Context, owner string, number uint64) (Entry, error) {
	e := newEntry(owner, number)
	return *e, p.publish(ctx, e)
}

// TakeOver makes the place owner's, whoever has it, also if the newest entry cannot be read.
func (p *Place) TakeOver(ctx context.Context, owner string) error {
	for tries := 1; ; tries++ {
		e, err := p.newest(ctx)
		if err == nil && e.Owner == owner {
			return nil
		}
		if err != nil && !errors.Is(err, errDamaged) {
			return err
		}
		n, err := p.list(ctx)
		if err != nil {
			return err
		}
		if _, err = p.claim(ctx, owner, n.last()+1); !isTaken(err) {
			return err
		}
		if err := lag(ctx, tries); err != nil {
			return err
		}
	}
}

// A listing may lag behind what was created or deleted, in some stores by minutes.
const (
	firstLag = 50 * time.Millisecond
	mostLag  = 5 * time.Second
)

// lag waits before the place is listed for the n+1st time.
func lag(ctx context.Context, n int) error {
	return jitter.Wait(ctx, jitter.Delay(n, firstLag, mostLag))
}

func isTaken(err error) bool {
	_, is := errors.AsType[*takenError](err)
	return is
}
