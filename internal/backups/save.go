package backups

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/cespare/xxhash/v2"

	"github.com/millpond/millpond/ufs"
)

// ErrOvertaken says that another node of the same owner has made a backup meanwhile.
var ErrOvertaken = errors.New("another node has made a backup meanwhile")

// Save makes a backup of what write writes, which returns the last change in it. An empty place is claimed for owner; ErrFenced if it
// is another's, whenever he has claimed it: then nothing is published. The bytes stream to the store.
func (p *Place) Save(ctx context.Context, owner string, write func(w io.Writer) (index uint64, err error)) (Entry, error) {
	if err := p.able(); err != nil {
		return Entry{}, err
	}
	before, err := p.hold(ctx, owner)
	if err != nil {
		return Entry{}, err
	}
	e := newEntry(owner, before.Number+1)
	e.Epoch = before.Epoch
	if e.Backup, err = p.upload(ctx, p.dataKey(e), write); err != nil {
		return Entry{}, err
	}
	err = p.publish(ctx, e)
	if taken, is := errors.AsType[*takenError](err); is {
		err = p.overtaken(owner, &taken.by)
		return Entry{}, errors.Join(err, p.discard(ctx, e))
	}
	if err != nil {
		return Entry{}, err // it may be there: its bytes stay, until a later one's Prune
	}
	return *e, p.confirm(ctx, e)
}

func (p *Place) overtaken(owner string, by *Entry) error {
	if by.Owner == owner {
		return fmt.Errorf("%w: entry %d", ErrOvertaken, by.Number)
	}
	return p.fenced(by)
}

// confirm looks whether e is the newest entry: one that slept may have taken a number that was used and deleted meanwhile.
func (p *Place) confirm(ctx context.Context, e *Entry) error {
	now, err := p.newest(ctx)
	if err != nil || now.Number == e.Number {
		return err
	}
	return p.overtaken(e.Owner, &now)
}

// counted sums what is written through it.
type counted struct {
	w    io.Writer
	hash *xxhash.Digest
	n    int64
}

func (c *counted) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	_, _ = c.hash.Write(b[:n]) // never fails
	c.n += int64(n)
	return n, err
}

func (p *Place) upload(ctx context.Context, key string, write func(w io.Writer) (uint64, error)) (*Backup, error) {
	w, err := p.store.Create(ctx, key, ufs.CreateOptions{Parents: true, Mode: fileMode})
	if err != nil {
		return nil, err
	}
	c := &counted{w: w, hash: xxhash.New()}
	index, err := write(c)
	if err == nil {
		_, err = w.Commit(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, w.Abort(context.WithoutCancel(ctx)))
	}
	return &Backup{Index: index, Size: c.n, Sum: fmt.Sprintf("%016x", c.hash.Sum64())}, nil
}

func (p *Place) discard(ctx context.Context, e *Entry) error {
	if err := p.store.Delete(ctx, p.dataKey(e)); err != nil && !errors.Is(err, ufs.ErrNotExist) {
		return err
	}
	return nil
}
