package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/millpond/millpond/examples/internal/plain"
	"github.com/millpond/millpond/examples/internal/wordjob"
	"github.com/millpond/millpond/ufs"
)

// printTable shows where each process had its bytes from.
func printTable(w io.Writer, all []*process) {
	const mb = 1e6
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "\nprocess\trole\tfiles\tread MB\tmemory\tdisk\tfrom peers\tfrom DIR\tto peers\tseconds\t")
	for _, p := range all {
		a, m := &p.last, &p.last.Metrics
		memory := max(float64(a.Bytes)-float64(m.DiskBytes)-float64(m.PeerBytes)-float64(m.StoreBytes), 0)
		sent := m.Served.Memory + m.Served.Disk + m.Served.Filling
		fmt.Fprintf(tw, "%s\t%s\t%d\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%.2f\t\n", p.name, p.role(), a.Files, float64(a.Bytes)/mb,
			memory/mb, float64(m.DiskBytes)/mb, float64(m.PeerBytes)/mb, float64(m.StoreBytes)/mb, float64(sent)/mb, a.Seconds)
	}
	tw.Flush()
}

func (p *process) role() string {
	switch {
	case p.killed:
		return "primary, killed"
	case p.last.Primary:
		return "primary"
	}
	return "follows"
}

// check compares what the processes did with plain reads of the directory.
func (j *job) check(ctx context.Context, stdout io.Writer) error {
	want, err := countPlain(ctx, j.o.dir)
	if err != nil {
		return err
	}
	if err := j.each(func(_ int, p *process) error { return p.do(order{Do: doLook}) }); err != nil {
		return err
	}
	fmt.Fprintln(stdout)
	return errors.Join(j.checkStore(stdout, want), j.checkCounts(stdout, want), j.checkChanges(stdout))
}

// countPlain counts without a cache.
func countPlain(ctx context.Context, dir string) (*wordjob.Count, error) {
	s, err := ufs.Open(ctx, wordjob.FileURL(dir), nil)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	var c wordjob.Count
	return &c, plain.Files(ctx, s, func(_ string, text []byte) error { c.Add(text); return nil })
}

func (j *job) checkStore(stdout io.Writer, want *wordjob.Count) error {
	var sent uint64
	for _, p := range j.all {
		for _, s := range p.last.Metrics.Stores {
			sent += uint64(s.BytesRead)
		}
	}
	fmt.Fprintf(stdout, "bytes read from DIR: %d, bytes in DIR: %d\n", sent, want.Bytes)
	if sent != uint64(want.Bytes) {
		return fmt.Errorf("the processes together read %d bytes from DIR; want each of the %d once", sent, want.Bytes)
	}
	return nil
}

func (j *job) checkCounts(stdout io.Writer, want *wordjob.Count) error {
	var errs []error
	for _, p := range j.all {
		if a := &p.last; !p.killed && (a.Digest != want.Digest() || a.Files != want.Files) {
			errs = append(errs, fmt.Errorf("%s counted %d words in %d files; plain reads count %d in %d, or others", p.name, a.Words, a.Files, want.Words(), want.Files))
		}
	}
	if len(errs) == 0 {
		fmt.Fprintf(stdout, "counts: %d words in %d files, equal in all processes and to plain reads\n", want.Words(), want.Files)
	}
	return errors.Join(errs...)
}

func (j *job) checkChanges(stdout io.Writer) error {
	slices.Sort(j.changes)
	var errs []error
	for _, p := range j.all {
		if !p.killed && !slices.Equal(p.last.Changes, j.changes) {
			errs = append(errs, fmt.Errorf("%s sees the changes %q; acknowledged were %q", p.name, p.last.Changes, j.changes))
		}
	}
	if len(errs) == 0 {
		when := "before and after the kill"
		if !slices.ContainsFunc(j.all, func(p *process) bool { return p.killed }) {
			when = "and nobody killed"
		}
		fmt.Fprintf(stdout, "changes: %d made %s, all there in all processes\n", len(j.changes), when)
	}
	return errors.Join(errs...)
}
