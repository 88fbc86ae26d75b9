package backups

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/millpond/millpond/ufs"
)

// Restore gives take the newest backup that is as it was written, and claims the place for owner: it is what the place has then, and who
// held it before can add nothing any more. take may be called again, and what it took last counts. passed is told of each one
// that was passed over, and why. The entry has number 0 if there is no backup.
//
// take reads to the end of r, and fails if r does. Its own failure, of bytes that are as they were written, is Restore's.
func (p *Place) Restore(ctx context.Context, owner string, take func(e Entry, r io.Reader) error, passed func(e Entry, err error)) (Entry, error) {
	if err := p.able(); err != nil {
		return Entry{}, err
	}
	for {
		n, err := p.list(ctx)
		if err != nil {
			return Entry{}, err
		}
		e, err := p.restoreNewest(ctx, n.entries, take, passed)
		if err != nil {
			if now, lerr := p.list(ctx); lerr == nil && now.last() != n.last() {
				continue // it was deleted for a newer one
			}
			return Entry{}, err
		}
		mine, err := p.isHolder(ctx, owner, n.last())
		if err == nil && !mine {
			_, err = p.claim(ctx, owner, n.last()+1)
		}
		if !isTaken(err) && !errors.Is(err, ufs.ErrNotExist) {
			return e, err
		}
	}
}

// isHolder says whether entry number, the newest one, is owner's: an earlier Restore came so far.
func (p *Place) isHolder(ctx context.Context, owner string, number uint64) (bool, error) {
	if number == 0 {
		return false, nil
	}
	e, err := p.read(ctx, number)
	if errors.Is(err, errDamaged) {
		return false, nil
	}
	return err == nil && e.Owner == owner, err
}

func (p *Place) restoreNewest(ctx context.Context, entries []uint64, take func(Entry, io.Reader) error, passed func(Entry, error)) (Entry, error) {
	var bad []error
	for _, number := range slices.Backward(entries) {
		e, err := p.read(ctx, number)
		if err == nil && e.Backup == nil {
			continue
		}
		if err == nil {
			err = p.restoreOne(ctx, &e, take)
		}
		if err == nil {
			return e, nil
		}
		if !errors.Is(err, errDamaged) && !errors.Is(err, ufs.ErrNotExist) {
			return Entry{}, err
		}
		e.Number = number
		passed(e, err)
		bad = append(bad, err)
	}
	if len(bad) > 0 {
		return Entry{}, fmt.Errorf("no backup in %s is as it was written; move them away to begin without: %w", p, errors.Join(bad...))
	}
	return Entry{}, nil
}

// restoreOne: errDamaged, ErrNotExist if the bytes are not there.
func (p *Place) restoreOne(ctx context.Context, e *Entry, take func(Entry, io.Reader) error) error {
	key := p.dataKey(e)
	body, _, err := p.store.Open(ctx, key, 0, -1, "")
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	c := &checked{r: body, hash: xxhash.New(), want: e.Backup}
	err = take(*e, c)
	if err == nil {
		return nil
	}
	if _, rest := io.Copy(io.Discard, c); rest != nil { // the bytes are to blame
		err = rest
	}
	if errors.Is(err, ufs.ErrChanged) || errors.Is(err, ufs.ErrChecksum) {
		err = fmt.Errorf("%w: %w", errDamaged, err)
	}
	return fmt.Errorf("%s in %s: %w", key, p.store.ID(), err)
}

// checked reads what a backup wrote, and fails at its end if that is something else.
type checked struct {
	r    io.Reader
	hash *xxhash.Digest
	n    int64
	want *Backup
	err  error // sticky
}

func (c *checked) Read(b []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.r.Read(b)
	_, _ = c.hash.Write(b[:n]) // never fails
	c.n += int64(n)
	if err == io.EOF && (c.n != c.want.Size || fmt.Sprintf("%016x", c.hash.Sum64()) != c.want.Sum) {
		err = fmt.Errorf("%w: %d bytes, of %d that were written, do not have their checksum", errDamaged, c.n, c.want.Size)
	}
	c.err = err
	return n, err
}
