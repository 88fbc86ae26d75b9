package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"iter"
	"sync"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/tier"
)

// spill is the temporary file of a day: several goroutines write to it.
type spill struct {
	mu  sync.Mutex
	w   *cachefs.Writer
	csv *csv.Writer
}

// spillPath is where a day's orders wait to be sorted. No store is mounted there: such a file lives in the tiers alone, in
// memory first, on the disk where that is full, and is gone when it is removed.
func spillPath(day string) string { return "/shuffle/" + day + ".csv" }

// shuffleBlock is small, since a block of each day is being written at the same time.
const shuffleBlock = 256 << 10

// newSpill begins a day's temporary file.
func (j *job) newSpill(ctx context.Context, day string) (*spill, error) {
	w, err := j.node.Create(ctx, spillPath(day), &cachefs.CreateOptions{WriteType: cachefs.MustCache, Parents: true, BlockSize: shuffleBlock})
	if err != nil {
		return nil, err
	}
	s := &spill{w: w, csv: csv.NewWriter(w)}
	return s, s.csv.Write(header)
}

func (s *spill) add(o order) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.csv.Write(o.row())
}

func (s *spill) close() error {
	s.csv.Flush()
	return errors.Join(s.csv.Error(), s.w.Close())
}

// shuffle is the second pass: it brings the orders of a day together.
func (j *job) shuffle(ctx context.Context) (said string, err error) {
	spills := map[string]*spill{}
	for day := range j.profile.days {
		if spills[day], err = j.newSpill(ctx, day); err != nil {
			return "", err
		}
	}
	err = j.eachInput(ctx, func(orders iter.Seq2[order, error]) error {
		for o, err := range orders {
			if err != nil {
				return err
			}
			if err := spills[o.day()].add(o); err != nil {
				return err
			}
		}
		return nil
	})
	for _, s := range spills {
		err = errors.Join(err, s.close())
	}
	if err != nil {
		return "", err
	}
	return j.spilled(ctx)
}

// spilled tells how many bytes the temporary files have, and how many of them lie on the disk.
func (j *job) spilled(ctx context.Context) (string, error) {
	var all, disk int64
	for day := range j.profile.days {
		blocks, err := j.node.Locate(ctx, spillPath(day), nil)
		if err != nil {
			return "", err
		}
		for _, b := range blocks {
			all += b.Length
			if b.Nodes[0].Kind != tier.Memory { // a temporary file is always somewhere
				disk += b.Length
			}
		}
	}
	return fmt.Sprintf("%.1f MB shuffled, %.1f MB of it on disk", mb(all), mb(disk)), nil
}
