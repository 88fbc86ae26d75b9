package main

import (
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/millpond/millpond/cachefs"
)

// outputKey is where the output has a day.
func outputKey(day string) string { return "day=" + day + "/orders.csv" }

// write makes the output, several days at a time. Each file is complete when its Close returns, and on its way to the
// bucket: AsyncThrough.
func (j *job) write(ctx context.Context) (said string, err error) {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(j.workers)
	for day := range j.profile.days {
		g.Go(func() error { return j.writeDay(ctx, day) })
	}
	return fmt.Sprintf("%d files complete", len(j.profile.days)), g.Wait()
}

// writeDay sorts a day and lets its temporary file go.
func (j *job) writeDay(ctx context.Context, day string) error {
	orders, err := j.readSpill(ctx, day)
	if err != nil {
		return err
	}
	w, err := j.node.Create(ctx, "/out/"+outputKey(day), &cachefs.CreateOptions{WriteType: cachefs.AsyncThrough, Parents: true})
	if err != nil {
		return err
	}
	if err := transform(w, orders, j.profile); err != nil {
		return errors.Join(err, w.Abort())
	}
	if err := w.Close(); err != nil {
		return err
	}
	return j.node.Remove(ctx, spillPath(day), nil)
}

func (j *job) readSpill(ctx context.Context, day string) (orders []order, err error) {
	f, err := j.node.Open(ctx, spillPath(day), nil)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for o, err := range decode(spillPath(day), f) {
		if err != nil {
			return nil, err
		}
		orders = append(orders, o)
	}
	return orders, nil
}

// transform writes the orders of a day as the output has them.
func transform(w io.Writer, orders []order, p *profile) error {
	slices.SortFunc(orders, func(a, b order) int { return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.ID, b.ID)) })
	out := csv.NewWriter(w)
	if err := out.Write(append(slices.Clone(header), "percent_of_mean")); err != nil {
		return err
	}
	for _, o := range orders {
		if err := out.Write(append(o.row(), strconv.FormatInt(p.percent(o), 10))); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}
