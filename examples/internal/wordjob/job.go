package wordjob

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
	"strings"
	"time"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/tier"
	_ "github.com/millpond/millpond/ufs/fileufs" // counts.txt goes to a directory
)

// Options say what is counted and with what.
type Options struct {
	Name    string // of the program
	URL     string // of the place whose files are counted; its driver is imported
	Cache   string // directory of journal and disk tier; "" a temporary one, removed at the end
	Out     string // directory of counts.txt; "" inside Cache
	Memory  int64  // tier, bytes
	Disk    int64  // tier, bytes
	Workers int    // goroutines that count

	// Plain reads all files of the place without us, and shows each to file, one after the other.
	Plain func(ctx context.Context, file func(text []byte)) error
}

// Run makes the three passes, writes the result and checks it.
func Run(ctx context.Context, o Options, stdout, stderr io.Writer) (err error) {
	cleanup, err := places(&o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cleanup(err == nil)) }()
	fmt.Fprintf(stdout, "counting the words below %s\n", o.URL)

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
		p, c, err := onePass(ctx, node, name, o.Workers, stderr)
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
	fmt.Fprintf(stdout, "\nchecked: %d words in %d files, equal to plain reads; counts in %s\n", len(first), passes[0].files, filepath.Join(o.Out, "counts.txt"))
	return nil
}

// places fills in the directories that were left open. cleanup removes what is temporary of them; if all went well, the
// result stays.
func places(o *Options) (cleanup func(well bool) error, err error) {
	cleanup = func(bool) error { return nil }
	if o.Cache == "" {
		if o.Cache, err = os.MkdirTemp("", "millpond-"+o.Name+"-"); err != nil {
			return nil, err
		}
		dir, resultInside := o.Cache, o.Out == ""
		cleanup = func(well bool) error {
			if well && resultInside {
				return errors.Join(os.RemoveAll(filepath.Join(dir, "journal")), os.RemoveAll(filepath.Join(dir, "ssd")))
			}
			return os.RemoveAll(dir)
		}
	}
	if o.Out == "" {
		o.Out = filepath.Join(o.Cache, "output")
	}
	for _, d := range []*string{&o.Cache, &o.Out} {
		if *d, err = filepath.Abs(*d); err != nil {
			return nil, errors.Join(err, cleanup(false))
		}
	}
	if err := os.MkdirAll(o.Out, 0o755); err != nil {
		return nil, errors.Join(err, cleanup(false))
	}
	return cleanup, nil
}

// open starts the node: a journal and a disk tier in the cache directory, a memory tier in front, the input and the
// output as mounts.
func open(ctx context.Context, o Options) (*cachefs.Node, error) {
	node, err := cachefs.Open(ctx, cachefs.Config{
		Dir: o.Cache,
		Tiers: []tier.Config{
			{Kind: tier.Memory, Size: o.Memory},
			{Kind: tier.SSD, Size: o.Disk, Dirs: []tier.Dir{{Path: filepath.Join(o.Cache, "ssd"), Quota: o.Disk}}},
		},
		Mounts: []cachefs.MountConfig{
			{Path: "/in", URL: o.URL, ReadOnly: true},
			{Path: "/out", URL: FileURL(o.Out)},
		},
	})
	if errors.Is(err, cachefs.ErrExist) {
		err = fmt.Errorf("%s has the cache of another DIR or -out; give another -cache: %w", o.Cache, err)
	}
	return node, err
}

// FileURL is the URL of an absolute directory.
func FileURL(dir string) string {
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(dir)}).String()
}

// check writes the result through the cache, reads it back as plain files, and counts the input again without us.
func check(ctx context.Context, node *cachefs.Node, o Options, c counts, passes []pass) error {
	text := c.sorted()
	if err := writeCounts(ctx, node, text); err != nil {
		return err
	}
	got, err := os.ReadFile(filepath.Join(o.Out, "counts.txt"))
	if err != nil {
		return err
	}
	if err := differInLines(text, string(got)); err != nil {
		return fmt.Errorf("counts.txt is not what was written: %w", err)
	}
	plain, files, err := plainCounts(ctx, o.Plain)
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

// differInLines says where two texts part, nil if they do not.
func differInLines(want, got string) error {
	if want == got {
		return nil
	}
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	at := 0
	for at < min(len(w), len(g))-1 && w[at] == g[at] {
		at++
	}
	return fmt.Errorf("line %d of %d is %q; want %q, of %d", at+1, len(g), g[at], w[at], len(w))
}

// seconds prints a duration for the table.
func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }
