// Command benchmarks runs the goals of speed, each against what it names, interleaved in one process,
// and prints a line each:
//
//	goal name ours theirs ratio want ok|SHORT [min..max]
//
// The exit status is 1 when a line is SHORT. Machines are noisy: only ratios of one run mean anything.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

func main() { os.Exit(run(goals(), os.Args[1:], os.Stdout, os.Stderr)) }

// run is main without the process: 0 every line is ok, 1 one is SHORT or failed, 2 bad arguments.
func run(all []goal, args []string, stdout, stderr io.Writer) int {
	if len(args) == 5 && args[0] == "join" { // see joins
		if err := joiner(args[1:], stdout); err != nil {
			fmt.Fprintln(stderr, "join:", err)
			return 1
		}
		return 0
	}
	fl := flag.NewFlagSet("benchmarks", flag.ContinueOnError)
	fl.SetOutput(stderr)
	pick := fl.String("goals", "", "goals to run, as 1-3,18; extra lines are 100 and above (default all)")
	rounds := fl.Int("rounds", 7, "interleaved rounds a line, at least 5")
	dir := fl.String("dir", "", "scratch directory on the disk to measure (default: a fresh one in the temporary directory)")
	shared := fl.Int64("shared", 1024, "MiB of the file that four nodes read in line 101")
	list := fl.Bool("list", false, "print the goals and stop")
	if err := fl.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2
	}
	want, err := parseGoals(*pick)
	if err != nil || *rounds < 5 || *shared < 1 || fl.NArg() > 0 {
		fmt.Fprintln(stderr, "benchmarks: want -goals like 1-3,18, -rounds of 5 or more, -shared of 1 or more and no arguments")
		if err != nil {
			fmt.Fprintln(stderr, err)
		}
		return 2
	}
	slices.SortStableFunc(all, func(a, b goal) int { return int(10 * (a.id - b.id)) })
	r := &report{w: stdout, rounds: *rounds, dir: *dir, shared: *shared * miB}
	if r.dir == "" {
		if r.dir, err = os.MkdirTemp("", "millpond-benchmarks-"); err != nil {
			fmt.Fprintln(stderr, "benchmarks:", err)
			return 2
		}
		defer os.RemoveAll(r.dir)
	}
	failed := 0
	if !*list {
		fmt.Fprintf(stdout, "%-4s %-52s %12s %12s %9s %8s\n", "goal", "name", "ours", "theirs", "ratio", "want")
	}
	for _, g := range all {
		if !want(g.id) {
			continue
		}
		if *list {
			fmt.Fprintf(stdout, "%-4g %s\n", g.id, g.name)
			continue
		}
		r.id = g.id
		if err := g.run(r); err != nil {
			fmt.Fprintf(stdout, "%-4g %s: %v\n", g.id, g.name, err)
			failed++
		}
	}
	if r.short+failed > 0 {
		fmt.Fprintf(stdout, "%d short, %d failed\n", r.short, failed)
		return 1
	}
	return 0
}

// parseGoals turns "1-3,18" into a predicate; an empty list is every goal.
func parseGoals(s string) (func(float64) bool, error) {
	if s == "" {
		return func(float64) bool { return true }, nil
	}
	type span struct{ from, to float64 }
	var spans []span
	for part := range strings.SplitSeq(s, ",") {
		from, to, ranged := strings.Cut(strings.TrimSpace(part), "-")
		if !ranged {
			to = from
		}
		a, errA := strconv.ParseFloat(from, 64)
		b, errB := strconv.ParseFloat(to, 64)
		if errA != nil || errB != nil || b < a {
			return nil, fmt.Errorf("goal %q: want a number or a range such as 1-3", part)
		}
		spans = append(spans, span{a, b})
	}
	return func(id float64) bool {
		return slices.ContainsFunc(spans, func(sp span) bool { return sp.from <= id && id <= sp.to })
	}, nil
}
