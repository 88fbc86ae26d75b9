package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"path"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
)

// result is what the tests of one store came to.
type result struct {
	store   string
	passed  int
	skipped map[string]int // by reason
	failing []string       // tests, or what else went wrong
	leftOut string         // why the store could not run here
}

func (r result) bad() bool { return len(r.failing) > 0 }

// ended is how many tests have ended.
func (r result) ended() int {
	n := r.passed + len(r.failing)
	for _, k := range r.skipped {
		n += k
	}
	return n
}

func (r *result) failed(what string) { r.failing = append(r.failing, what) }

// event is a line of go test -json.
type event struct{ Action, Package, Test, Output string }

// shared is a writer of several goroutines.
type shared struct {
	mu sync.Mutex
	w  io.Writer
}

func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(p)
}

// follow runs go test -json, copies what it would have printed to w, and counts.
func (r *result) follow(cmd *exec.Cmd, w io.Writer) error {
	w = &shared{w: w}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	cmd.Stderr = w
	if err := cmd.Start(); err != nil {
		return err
	}
	before := len(r.failing)
	err = r.read(out, w)
	if werr := cmd.Wait(); werr != nil && len(r.failing) == before { // a test that failed is told already
		return werr
	}
	return err
}

// read counts the tests that have no subtests: those are the items.
func (r *result) read(out io.Reader, w io.Writer) error {
	if r.skipped == nil {
		r.skipped = map[string]int{}
	}
	before := len(r.failing)
	var packages []string // that failed
	ends, said, parents := map[string]string{}, map[string]string{}, map[string]bool{}
	for dec := json.NewDecoder(out); ; {
		var e event
		if err := dec.Decode(&e); err == io.EOF {
			break
		} else if err != nil {
			return err
		}
		name := e.Package + "." + e.Test
		switch e.Action {
		case "output", "build-output":
			io.WriteString(w, e.Output)
			if reason, ok := reason(e.Output); ok {
				said[name] = reason
			}
		case "pass", "fail", "skip":
			if e.Test != "" {
				ends[name] = e.Action
				parents[e.Package+"."+path.Dir(e.Test)] = true
			} else if e.Action == "fail" {
				packages = append(packages, e.Package)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(ends)) {
		switch {
		case parents[name]:
		case ends[name] == "pass":
			r.passed++
		case ends[name] == "skip" && named(said[name]):
			r.skipped[said[name]]++
		case ends[name] == "skip":
			r.failed(fmt.Sprintf("%s: skipped by neither a capability (Caps.X) nor a defect of the server (known: X): %q", name, said[name]))
		default:
			r.failed(name)
		}
	}
	if len(r.failing) == before { // a package fails with its tests, or by itself
		r.failing = append(r.failing, packages...)
	}
	return nil
}

// named reports whether a reason names what the store cannot do, or what its server does wrong.
func named(reason string) bool {
	return strings.HasPrefix(reason, "Caps.") || strings.HasPrefix(reason, "known: ")
}

// reason is what a test says before it ends, "file.go:12: reason".
func reason(line string) (string, bool) {
	place, text, ok := strings.Cut(strings.TrimSpace(line), ": ")
	return text, ok && strings.Contains(place, ".go:") && !strings.Contains(place, " ")
}

func printTable(w io.Writer, results []result) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "\nstore\tpassed\tfailed\tskipped\tby")
	for _, r := range results {
		if r.leftOut != "" {
			fmt.Fprintf(tw, "%s\t-\t-\t-\tleft out: %s\n", r.store, r.leftOut)
			continue
		}
		n, by := 0, []string{}
		for _, reason := range slices.Sorted(maps.Keys(r.skipped)) {
			n += r.skipped[reason]
			by = append(by, fmt.Sprintf("%s (%d)", reason, r.skipped[reason]))
		}
		fmt.Fprintf(tw, "%s\t%d\t%d\t%d\t%s\n", r.store, r.passed, len(r.failing), n, strings.Join(by, ", "))
	}
	tw.Flush()
	for _, r := range results {
		for _, f := range r.failing {
			fmt.Fprintf(w, "failed: %s: %s\n", r.store, f)
		}
	}
}
