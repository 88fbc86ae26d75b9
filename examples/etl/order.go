package main

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// order is a record of the input.
type order struct {
	ID    int64     `json:"id"`
	Time  time.Time `json:"time"`
	Shop  string    `json:"shop"`
	Cents int64     `json:"cents"`
}

// header names the columns of an order in CSV.
var header = []string{"id", "time", "shop", "cents"}

// day is the partition of the output that the order belongs to.
func (o *order) day() string { return o.Time.UTC().Format(time.DateOnly) }

// row is the order as a line of CSV.
func (o *order) row() []string {
	return []string{strconv.FormatInt(o.ID, 10), o.Time.UTC().Format(time.RFC3339), o.Shop, strconv.FormatInt(o.Cents, 10)}
}

// parseRow is the reverse of row.
func parseRow(row []string) (o order, err error) {
	var bad [3]error
	o.ID, bad[0] = strconv.ParseInt(row[0], 10, 64)
	o.Time, bad[1] = time.Parse(time.RFC3339, row[1])
	o.Shop = strings.Clone(row[2]) // else it would keep the whole line
	o.Cents, bad[2] = strconv.ParseInt(row[3], 10, 64)
	return o, errors.Join(bad[:]...)
}

// decode yields the orders of a file, whose name says how they are written. An error ends it.
func decode(name string, r io.Reader) iter.Seq2[order, error] {
	next, err := decoder(name, r)
	return func(yield func(order, error) bool) {
		if err != nil {
			yield(order{}, fmt.Errorf("%s: %w", name, err))
			return
		}
		for n := 1; ; n++ {
			o, err := next()
			if err == io.EOF {
				return
			}
			if err != nil {
				err = fmt.Errorf("%s: order %d: %w", name, n, err)
			}
			if !yield(o, err) || err != nil {
				return
			}
		}
	}
}

// decoder returns a func that reads one order after the other.
func decoder(name string, r io.Reader) (next func() (order, error), err error) {
	r = bufio.NewReaderSize(r, 64<<10)
	switch path.Ext(name) {
	case ".csv":
		return csvDecoder(r)
	case ".jsonl":
		d := json.NewDecoder(r)
		return func() (o order, err error) {
			err = d.Decode(&o)
			return o, err
		}, nil
	}
	return nil, errors.New("want a name that ends in .csv or .jsonl")
}

func csvDecoder(r io.Reader) (next func() (order, error), err error) {
	d := csv.NewReader(r)
	d.ReuseRecord = true
	first, err := d.Read()
	if err != nil || !slices.Equal(first, header) {
		return nil, fmt.Errorf("header is %q (%v); want %q", first, err, header)
	}
	return func() (order, error) {
		row, err := d.Read()
		if err != nil {
			return order{}, err
		}
		return parseRow(row)
	}, nil
}
