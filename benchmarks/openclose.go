package main

import (
	"context"
	"os"
)

// openReadClose is goal 18: what a program that touches many small files does all day.
func openReadClose(r *report) error {
	ctx := context.Background()
	const files = 1000
	fx, err := newFixture(ctx, r, 64*miB, files, 4*kiB)
	if err != nil {
		return err
	}
	defer fx.close()
	p := make([]byte, 4*kiB)
	names, osNames := make([]string, files), make([]string, files)
	for i := range files {
		names[i], osNames[i] = fx.name(i), fx.osName(i)
	}
	ours := func(n int) error {
		for i := range n {
			f, err := fx.node.Open(ctx, names[i%files], nil)
			if err != nil {
				return err
			}
			if _, err = f.ReadAt(p, 0); err != nil {
				return err
			}
			if err := f.Close(); err != nil {
				return err
			}
		}
		return nil
	}
	theirs := func(n int) error {
		for i := range n {
			f, err := os.Open(osNames[i%files])
			if err != nil {
				return err
			}
			if _, err = f.ReadAt(p, 0); err != nil {
				return err
			}
			if err := f.Close(); err != nil {
				return err
			}
		}
		return nil
	}
	return r.compare("open, read 4 KiB, close against os.File, in times", atMost(0.5), false, true, ours, theirs)
}
