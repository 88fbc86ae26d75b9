package ufstest

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/millpond/millpond/ufs/driver"
)

// Script says which calls of a store go wrong, and how. It prints as text that [ParseScript] reads, a rule a line:
//
//	open key=a/* nth=3 fail=unavailable
//	open cut=1000
//	commit nth=2- done fail=reset
//	* delay=50ms
//
// The first word is the kind of call, or * for any: stat, list, open, create, write, commit, abort, delete, deletebatch,
// rename, copy, mkdir, setmode, setowner. Then, in any order:
//
//	key=GLOB     only for these keys; * stands for any bytes. Values with spaces are quoted as in Go
//	nth=N        only for the N-th such call, from 1; N- from the N-th on, N-M from the N-th to the M-th
//	delay=1s     wait first
//	stall        wait until the caller leaves
//	fail=NAME    fail: exist, notexist, permission, invalid, notdir, isdir, notempty, changed, unsupported, readonly,
//	             unavailable, throttled, refused (no connection), reset, timeout, other
//	after=1s     what a throttled caller is asked to wait
//	done         fail only after the call has been made: its answer is lost
//	short=N      a body ends after N bytes, as if that were all
//	cut=N        a body breaks after N bytes
//	hang=N       a body stalls after N bytes
//	flip=N       a body's N-th byte, from 0, is wrong
//
// Each rule counts its own calls. All rules that match a call apply, in their order; the first that fails it ends it.
type Script []Rule

// Rule is a line of a [Script].
type Rule struct {
	Op                     string
	Key                    string // "": any
	First, Last            int    // of the matching calls; 0: the first, all
	Delay                  time.Duration
	Stall                  bool
	Fail                   string // "": does not
	After                  time.Duration
	Done                   bool
	Short, Cut, Hang, Flip int64 // bytes; -1: does not
}

var faultyOps = []string{
	"*", "stat", "list", "open", "create", "write", "commit", "abort", "delete", "deletebatch", "rename", "copy", "mkdir", "setmode", "setowner",
}

// failures are what fail= names.
var failures = map[string]error{
	"exist": driver.ErrExist, "notexist": driver.ErrNotExist, "permission": driver.ErrPermission, "invalid": driver.ErrInvalid,
	"notdir": driver.ErrNotDir, "isdir": driver.ErrIsDir, "notempty": driver.ErrNotEmpty, "changed": driver.ErrChanged,
	"unsupported": driver.ErrUnsupported, "readonly": driver.ErrReadOnly, "unavailable": driver.ErrUnavailable,
	"throttled": errors.New("slow down"),
	"refused":   &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED},
	"reset":     &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET},
	"timeout":   os.ErrDeadlineExceeded,
	"other":     errors.New("scripted failure"),
}

// ParseScript reads a script. Empty lines and those that begin with # say nothing. Errors name the line.
func ParseScript(text string) (Script, error) {
	var s Script
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		r, err := parseRule(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		s = append(s, r)
	}
	return s, nil
}

// String is the script as ParseScript reads it.
func (s Script) String() string {
	var b strings.Builder
	for _, r := range s {
		b.WriteString(r.String() + "\n")
	}
	return b.String()
}

func parseRule(line string) (Rule, error) {
	words, err := split(line)
	if err != nil {
		return Rule{}, err
	}
	r := Rule{Op: words[0], Short: -1, Cut: -1, Hang: -1, Flip: -1}
	if !slices.Contains(faultyOps, r.Op) {
		return r, fmt.Errorf("no call %q (have %s)", r.Op, strings.Join(faultyOps, ", "))
	}
	for _, w := range words[1:] {
		name, value, _ := strings.Cut(w, "=")
		if err := r.set(name, value); err != nil {
			return r, fmt.Errorf("%q: %w", w, err)
		}
	}
	return r, nil
}

// split cuts a line at its spaces, but for those in a quoted value.
func split(line string) (words []string, err error) {
	for line = strings.TrimLeft(line, " \t"); line != ""; line = strings.TrimLeft(line, " \t") {
		end := strings.IndexAny(line, " \t")
		if eq := strings.Index(line, `="`); eq >= 0 && (end < 0 || eq < end) {
			q, err := strconv.QuotedPrefix(line[eq+1:])
			if err != nil {
				return nil, fmt.Errorf("%q: %w", line, err)
			}
			value, err := strconv.Unquote(q)
			if err != nil {
				return nil, fmt.Errorf("%q: %w", line, err)
			}
			words = append(words, line[:eq+1]+value)
			line = line[eq+1+len(q):]
			continue
		}
		if end < 0 {
			end = len(line)
		}
		words = append(words, line[:end])
		line = line[end:]
	}
	return words, nil
}

func (r *Rule) set(name, value string) (err error) {
	switch name {
	case "key":
		r.Key = value
	case "nth":
		r.First, r.Last, err = parseNth(value)
	case "delay":
		r.Delay, err = parseDelay(value)
	case "after":
		r.After, err = parseDelay(value)
	case "stall":
		r.Stall = true
	case "done":
		r.Done = true
	case "fail":
		if failures[value] == nil {
			return fmt.Errorf("no such failure (have %s)", strings.Join(slices.Sorted(maps.Keys(failures)), ", "))
		}
		r.Fail = value
	case "short":
		r.Short, err = parseBytes(value)
	case "cut":
		r.Cut, err = parseBytes(value)
	case "hang":
		r.Hang, err = parseBytes(value)
	case "flip":
		r.Flip, err = parseBytes(value)
	default:
		err = errors.New("no such word")
	}
	return err
}

func parseDelay(value string) (time.Duration, error) {
	d, err := time.ParseDuration(value)
	if err == nil && d < 0 {
		err = errors.New("negative")
	}
	return d, err
}

func parseBytes(value string) (int64, error) {
	n, err := strconv.ParseInt(value, 10, 64)
	if err == nil && n < 0 {
		err = errors.New("negative")
	}
	return n, err
}

// parseNth reads N, N- and N-M.
func parseNth(value string) (first, last int, err error) {
	from, to, isRange := strings.Cut(value, "-")
	if first, err = strconv.Atoi(from); err != nil {
		return 0, 0, err
	}
	switch {
	case !isRange:
		last = first
	case to != "":
		if last, err = strconv.Atoi(to); err != nil {
			return 0, 0, err
		}
	}
	if first < 1 || last < 0 || last > 0 && last < first {
		return 0, 0, errors.New("want N, N- or N-M, from 1")
	}
	return first, last, nil
}

// String is the rule as a line.
func (r Rule) String() string {
	words := []string{r.Op}
	add := func(name string, value any, has bool) {
		if has {
			words = append(words, fmt.Sprintf("%s=%v", name, value))
		}
	}
	add("key", quoted(r.Key), r.Key != "")
	add("nth", r.nth(), r.First > 1 || r.Last > 0)
	add("delay", r.Delay, r.Delay > 0)
	if r.Stall {
		words = append(words, "stall")
	}
	if r.Done {
		words = append(words, "done")
	}
	add("fail", r.Fail, r.Fail != "")
	add("after", r.After, r.After > 0)
	add("short", r.Short, r.Short >= 0)
	add("cut", r.Cut, r.Cut >= 0)
	add("hang", r.Hang, r.Hang >= 0)
	add("flip", r.Flip, r.Flip >= 0)
	return strings.Join(words, " ")
}

func (r Rule) nth() string {
	first := max(r.First, 1)
	switch r.Last {
	case first:
		return strconv.Itoa(first)
	case 0:
		return fmt.Sprintf("%d-", first)
	}
	return fmt.Sprintf("%d-%d", first, r.Last)
}

// quoted quotes what split would cut or take for a quote.
func quoted(v string) string {
	if q := strconv.Quote(v); strings.ContainsAny(v, " \t=") || q != `"`+v+`"` {
		return q
	}
	return v
}

// matches reports whether the rule is about a call, its count aside.
func (r *Rule) matches(op, key string) bool {
	return (r.Op == "*" || r.Op == op) && (r.Key == "" || glob(r.Key, key))
}

// glob matches with * for any bytes, '/' among them.
func glob(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == s
	}
	s, ok := strings.CutPrefix(s, parts[0])
	if !ok {
		return false
	}
	last := parts[len(parts)-1]
	for _, p := range parts[1 : len(parts)-1] {
		i := strings.Index(s, p)
		if i < 0 {
			return false
		}
		s = s[i+len(p):]
	}
	return strings.HasSuffix(s, last)
}

// err is what the rule fails a call with.
func (r *Rule) err() error {
	err := fmt.Errorf("faulty: %w", failures[r.Fail])
	switch {
	case r.Fail == "throttled":
		err = &driver.Retryable{Err: err, After: r.After}
	case r.Done:
		err = &driver.Unknown{Err: err}
	}
	return err
}
