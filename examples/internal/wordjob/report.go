package wordjob

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/examples/internal/progress"
	"github.com/millpond/millpond/tier"
)

// pass is what one pass did.
type pass struct {
	name  string
	files int64
	bytes int64
	took  time.Duration
	calls map[string]int64 // to the under store, by kind
	mem   float64          // of the reads of blocks, the part that memory answered
	disk  float64          // and the disk tier
}

func (p pass) totalCalls() (n int64) {
	for _, c := range p.calls {
		n += c
	}
	return n
}

// onePass counts once, with a line of progress if stderr is a terminal.
func onePass(ctx context.Context, node *cachefs.Node, name string, workers int, stderr io.Writer) (pass, counts, error) {
	before := node.Metrics()
	var t tally
	stop := progress.Line(stderr, func() string {
		return fmt.Sprintf("%-8s  %d files, %.1f MB", name, t.files.Load(), float64(t.bytes.Load())/1e6)
	})
	began := time.Now()
	c, err := countTree(ctx, node, workers, &t)
	took := time.Since(began)
	stop()
	if err != nil {
		return pass{}, nil, err
	}
	p := pass{name: name, files: t.files.Load(), bytes: t.bytes.Load(), took: took}
	p.measure(before, node.Metrics())
	return p, c, nil
}

// measure takes what the node counted meanwhile.
func (p *pass) measure(before, after cachefs.Metrics) {
	p.calls = map[string]int64{}
	for kind, c := range after.Stores["/in"].Calls {
		if n := c.Calls - before.Stores["/in"].Calls[kind].Calls; n > 0 {
			p.calls[kind] = int64(n)
		}
	}
	mem := memoryHits(after) - memoryHits(before)
	disk := float64(after.DiskHits - before.DiskHits)
	missed := float64(after.Misses - before.Misses)
	if all := mem + disk + missed; all > 0 {
		p.mem, p.disk = mem/all, disk/all
	}
}

func memoryHits(m cachefs.Metrics) (n float64) {
	for _, t := range m.Tiers.Tiers {
		if t.Kind == tier.Memory {
			n += float64(t.Hits)
		}
	}
	return n
}

func printTable(w io.Writer, passes []pass) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "\npass\tfiles\tbytes\tseconds\tMB/s\tmemory\tdisk\tunder-store calls\t")
	for _, p := range passes {
		mb := float64(p.bytes) / 1e6
		fmt.Fprintf(tw, "%s\t%d\t%d\t%s\t%.0f\t%.1f%%\t%.1f%%\t%s\t\n",
			p.name, p.files, p.bytes, seconds(p.took), mb/max(p.took.Seconds(), 1e-9), 100*p.mem, 100*p.disk, callsText(p.calls))
	}
	tw.Flush()
}

// callsText lists calls by kind.
func callsText(calls map[string]int64) string {
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(calls)) {
		parts = append(parts, fmt.Sprintf("%s %d", kind, calls[kind]))
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

func printTop(w io.Writer, c counts, n int) {
	fmt.Fprintln(w, "\nmost frequent words:")
	list := c.top()
	for _, word := range list[:min(n, len(list))] {
		fmt.Fprintf(w, "%9d %s\n", word.n, word.text)
	}
}
