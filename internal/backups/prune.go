package backups

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// kept is how many backups are: the newest one, and the one before should that be damaged.
const kept = 2

// Prune deletes what is older than the backups that are kept: entries, their bytes, and bytes that came to no entry. e is the newest
// entry, of Save. Claims that are newer than the oldest backup kept stay: a number that is free again could be taken by who slept.
func (p *Place) Prune(ctx context.Context, e Entry) error {
	n, err := p.list(ctx)
	if err != nil {
		return err
	}
	keep, oldest, err := p.keep(ctx, n.entries)
	if err != nil {
		return err
	}
	var old []string
	for _, number := range n.entries {
		if number < oldest {
			old = append(old, p.entryKey(number))
		}
	}
	if err := p.deleteAll(ctx, old); err != nil { // before the bytes: an entry whose bytes are gone is damaged
		return err
	}
	data := slices.DeleteFunc(n.data, func(key string) bool {
		number, _ := p.number(key)
		return number >= e.Number || keep[key] // who has the number after e's is still writing
	})
	return p.deleteAll(ctx, data)
}

// keep is the keys of the bytes of the backups that are kept, and the number of the oldest one; all, while there are fewer.
func (p *Place) keep(ctx context.Context, entries []uint64) (keys map[string]bool, oldest uint64, err error) {
	keys = map[string]bool{}
	for _, number := range slices.Backward(entries) {
		e, err := p.read(ctx, number)
		if errors.Is(err, errDamaged) {
			continue
		}
		if err != nil {
			return nil, 0, err
		}
		if e.Backup == nil {
			continue
		}
		keys[p.dataKey(&e)] = true
		if len(keys) == kept {
			return keys, number, nil
		}
	}
	return keys, 0, nil
}

func (p *Place) deleteAll(ctx context.Context, keys []string) error {
	var errs []error
	for key, err := range p.store.DeleteBatch(ctx, keys) {
		errs = append(errs, fmt.Errorf("%s: %w", key, err))
	}
	return errors.Join(errs...)
}
