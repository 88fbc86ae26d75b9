package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/tier"
	_ "github.com/millpond/millpond/ufs/fileufs" // the file:// scheme
)

// job makes the three passes, writes the result and checks it.
func job(ctx context.Context, o options, stdout, stderr io.Writer) (err error) {
	cleanup, err := places(&o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cleanup(err == nil)) }()
	fmt.Fprintf(stdout, "counting the words below %s\n", o.dir)

	node, err := open(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, node.Close()) }()
	var passes []pass
	var first counts
	for _, name := range []string{"cold", "warm", "reopened"} {
		if name == "reopened" {
			if err := node.Close(); err != nil {
				return fmt.Errorf("close the node: %w", err)
			}
			if node, err = open(ctx, o); err != nil {
				return fmt.Errorf("open the node again: %w", err)
			}
		}
		p, c, err := onePass(ctx, node, name, o.workers, stderr)
		if err != nil {
			return fmt.Errorf("%s pass: %w", name, err)
		}
		if first == nil {
			first = c
		} else if err := differ(first, c); err != nil {
			return fmt.Errorf("%s pass counted something else than the cold one: %w", name, err)
		}
		passes = append(passes, p)
	}
	printTable(stdout, passes)
	printTop(stdout, first, 10)
	if err := check(ctx, node, o, first, passes); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "\nchecked: %d words in %d files, equal to plain reads; counts in %s\n", len(first), passes[0].files, filepath.Join(o.out, "counts.txt"))
	return nil
}

// places fills in the directories that were left open. cleanup removes what is temporary of them; if all went well, the
// result stays.
func places(o *options) (cleanup func(well bool) error, err error) {
	cleanup = func(bool) error { return nil }
	if o.cache == "" {
		if o.cache, err = os.MkdirTemp("", "millpond-quickstart-"); err != nil {
			return nil, err
		}
		dir, resultInside := o.cache, o.out == ""
		cleanup = func(well bool) error {
			if well && resultInside {
				return errors.Join(os.RemoveAll(filepath.Join(dir, "journal")), os.RemoveAll(filepath.Join(dir, "ssd")))
			}
			return os.RemoveAll(dir)
		}
	}
	if o.out == "" {
		o.out = filepath.Join(o.cache, "output")
	}
	for _, d := range []*string{&o.cache, &o.out} {
		if *d, err = filepath.Abs(*d); err != nil {
			return nil, errors.Join(err, cleanup(false))
		}
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return nil, errors.Join(err, cleanup(false))
	}
	return cleanup, nil
}

// open starts the node: a journal and a disk tier in the cache directory, a memory tier in front, the input and the
// output as mounts.
func open(ctx context.Context, o options) (*cachefs.Node, error) {
	node, err := cachefs.Open(ctx, cachefs.Config{
		Dir: o.cache,
		Tiers: []tier.Config{
			{Kind: tier.Memory, Size: o.memory},
			{Kind: tier.SSD, Size: o.disk, Dirs: []tier.Dir{{Path: filepath.Join(o.cache, "ssd"), Quota: o.disk}}},
		},
		Mounts: []cachefs.MountConfig{
			{Path: "/in", URL: fileURL(o.dir), ReadOnly: true},
			{Path: "/out", URL: fileURL(o.out)},
		},
	})
	if errors.Is(err, cachefs.ErrExist) {
		err = fmt.Errorf("%s has the cache of another DIR or -out; give another -cache: %w", o.cache, err)
	}
	return node, err
}

func fileURL(dir string) string {
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(dir)}).String()
}

// check writes the result through the cache, reads it back as plain files, and counts the input again without us.
func check(ctx context.Context, node *cachefs.Node, o options, c counts, passes []pass) error {
	text := c.sorted()
	if err := writeCounts(ctx, node, text); err != nil {
		return err
	}
	got, err := os.ReadFile(filepath.Join(o.out, "counts.txt"))
	if err != nil {
		return err
	}
	if string(got) != text {
		return fmt.Errorf("counts.txt has %d bytes that are not the %d written", len(got), len(text))
	}
	plain, files, err := plainCounts(ctx, o.dir)
	if err != nil {
		return err
	}
	for _, p := range passes {
		if p.files != files {
			return fmt.Errorf("%s pass saw %d files, plain reads %d", p.name, p.files, files)
		}
	}
	if err := differ(plain, c); err != nil {
		return fmt.Errorf("plain reads counted something else: %w", err)
	}
	for _, p := range passes[1:] {
		if n := p.totalCalls(); n != 0 {
			return fmt.Errorf("%s pass made %d calls to the under store; want none", p.name, n)
		}
	}
	return nil
}

func writeCounts(ctx context.Context, node *cachefs.Node, text string) error {
	w, err := node.Create(ctx, "/out/counts.txt", &cachefs.CreateOptions{WriteType: cachefs.CacheThrough, Overwrite: true})
	if err != nil {
		return err
	}
	if _, err := io.WriteString(w, text); err != nil {
		return errors.Join(err, w.Abort())
	}
	return w.Close()
}

// differ says how two counts differ, nil if they do not.
func differ(want, got counts) error {
	var words []string
	for w, n := range want {
		if got[w] != n {
			words = append(words, w)
		}
	}
	for w := range got {
		if _, ok := want[w]; !ok {
			words = append(words, w)
		}
	}
	if len(words) == 0 {
		return nil
	}
	slices.SortFunc(words, func(a, b string) int { return cmp.Compare(a, b) })
	return fmt.Errorf("%d words, the first %q: %d, want %d", len(words), words[0], got[words[0]], want[words[0]])
}

// seconds prints a duration for the table.
func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }
