package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/millpond/millpond/examples/internal/plain"
	"github.com/millpond/millpond/ufs"
)

// check computes the output again, all in memory and from plain reads, and says where the one in the bucket differs.
func (j *job) check(ctx context.Context) (said string, err error) {
	want, err := compute(ctx, j.in)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d files are what plain reads of the input give", len(want)), compare(ctx, want, j.out)
}

// compare says where the files of a store are not those wanted.
func compare(ctx context.Context, want map[string][]byte, out *ufs.Store) error {
	var wrong []error
	err := plain.Files(ctx, out, func(key string, got []byte) error {
		if text, ok := want[key]; !ok {
			wrong = append(wrong, fmt.Errorf("%s is not of this job", key))
		} else if err := differ(text, got); err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", key, err))
		}
		delete(want, key)
		return nil
	})
	for _, key := range slices.Sorted(maps.Keys(want)) {
		wrong = append(wrong, fmt.Errorf("%s is missing", key))
	}
	return errors.Join(append(wrong, err)...)
}

// compute answers what the output should be, by key.
func compute(ctx context.Context, in *ufs.Store) (map[string][]byte, error) {
	p, days := newProfile(), map[string][]order{}
	err := plain.Files(ctx, in, func(key string, data []byte) error {
		for o, err := range decode(key, bytes.NewReader(data)) {
			if err != nil {
				return err
			}
			p.add(o)
			days[o.day()] = append(days[o.day()], o)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	want := map[string][]byte{}
	for day, orders := range days {
		var text bytes.Buffer
		if err := transform(&text, orders, p); err != nil {
			return nil, err
		}
		want[outputKey(day)] = text.Bytes()
	}
	return want, nil
}

// differ names the first line that is not what it should be.
func differ(want, got []byte) error {
	if bytes.Equal(want, got) {
		return nil
	}
	w, g := bytes.Split(want, []byte("\n")), bytes.Split(got, []byte("\n"))
	for i := range min(len(w), len(g)) {
		if !bytes.Equal(w[i], g[i]) {
			return fmt.Errorf("line %d is %q; want %q", i+1, g[i], w[i])
		}
	}
	return fmt.Errorf("%d lines; want %d", len(g), len(w))
}
