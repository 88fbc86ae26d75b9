package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/millpond/millpond/ufs"
)

const (
	ordersAFile = 50_000
	days        = 30
	shops       = 20
)

// generate puts n made-up orders into an empty place, as others would: without the cache, half of the files CSV, half
// JSON lines. They are the same ones each time.
func generate(ctx context.Context, s *ufs.Store, n int) error {
	if err := mustBeEmpty(ctx, s); err != nil {
		return err
	}
	r := rand.New(rand.NewPCG(1, 2))
	for id, file := 0, 0; id < n; file++ {
		end := min(id+ordersAFile, n)
		orders := make([]order, 0, end-id)
		for ; id < end; id++ {
			orders = append(orders, randomOrder(r, int64(id)))
		}
		if err := putFile(ctx, s, file, orders); err != nil {
			return err
		}
	}
	return nil
}

func randomOrder(r *rand.Rand, id int64) order {
	begin := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	return order{
		ID: id, Time: begin.Add(time.Duration(r.Int64N(days*24*3600)) * time.Second),
		Shop: fmt.Sprintf("shop-%02d", r.IntN(shops)), Cents: 100 + r.Int64N(20_000),
	}
}

func putFile(ctx context.Context, s *ufs.Store, file int, orders []order) error {
	kind, encode := "csv", encodeCSV
	if file%2 == 1 {
		kind, encode = "jsonl", encodeJSON
	}
	w, err := s.Create(ctx, fmt.Sprintf("orders-%05d.%s", file, kind), ufs.CreateOptions{Size: -1})
	if err != nil {
		return err
	}
	if err := encode(w, orders); err != nil {
		w.Abort(ctx)
		return err
	}
	_, err = w.Commit(ctx)
	return err
}

func encodeCSV(w io.Writer, orders []order) error {
	e := csv.NewWriter(w)
	if err := e.Write(header); err != nil {
		return err
	}
	for _, o := range orders {
		if err := e.Write(o.row()); err != nil {
			return err
		}
	}
	e.Flush()
	return e.Error()
}

func encodeJSON(w io.Writer, orders []order) error {
	e := json.NewEncoder(w)
	for _, o := range orders {
		if err := e.Encode(o); err != nil {
			return err
		}
	}
	return nil
}
