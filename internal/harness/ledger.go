package harness

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Ledger keeps what the files of a namespace must be after changes were acknowledged, and what they may be after changes
// whose outcome nobody said. Safe for concurrent use.
type Ledger struct {
	mu    sync.Mutex
	files map[string]possible
	acks  int
	open  int // outcomes that nobody said
	no    int
}

// possible is what a file may be: content names, "" for no file. One: that it is.
type possible []string

// NewLedger returns a ledger of an empty namespace.
func NewLedger() *Ledger { return &Ledger{files: map[string]possible{}} }

// effect is what a request makes of files.
func (l *Ledger) effectLocked(r Request, name string) map[string]string {
	was := func(path string) string {
		if p := l.files[path]; len(p) > 0 {
			return p[0]
		}
		return ""
	}
	switch r.Op {
	case "put":
		return map[string]string{r.Path: name}
	case "app":
		return map[string]string{r.Path: was(r.Path) + ", " + name}
	case "rm":
		return map[string]string{r.Path: ""}
	case "mv":
		return map[string]string{r.Path: "", r.To: was(r.Path)}
	}
	return nil
}

// Acked notes a request that was acknowledged. name is that of its content.
func (l *Ledger) Acked(r Request, name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acks++
	for path, what := range l.effectLocked(r, name) {
		l.files[path] = possible{what}
	}
}

// Open notes a request that may have happened, now or later: its paths are not to be used again.
func (l *Ledger) Open(r Request, name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open++
	for path, what := range l.effectLocked(r, name) {
		was := l.files[path]
		if len(was) == 0 {
			was = possible{""}
		}
		l.files[path] = append(slices.Clone(was), what)
	}
}

// Refused notes a request that did not happen.
func (l *Ledger) Refused() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.no++
}

// Settled are the files below dir that are known, and are there.
func (l *Ledger) Settled(dir string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []string
	for path, p := range l.files {
		if len(p) == 1 && p[0] != "" && strings.HasPrefix(path, dir+"/") {
			list = append(list, path)
		}
	}
	slices.Sort(list)
	return list
}

// Counts say what became of requests.
func (l *Ledger) Counts() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return fmt.Sprintf("%d changes acknowledged, %d refused, %d of unknown outcome", l.acks, l.no, l.open)
}

// Check compares the files that a node shows, name to content, with what must and may be. The error lists every
// difference.
func (l *Ledger) Check(got map[string]string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var bad []string
	for _, path := range slices.Sorted(maps.Keys(l.files)) {
		if want := l.files[path]; !slices.Contains(want, got[path]) {
			bad = append(bad, fmt.Sprintf("%s is %q, want one of %q", path, got[path], []string(want)))
		}
	}
	for _, path := range slices.Sorted(maps.Keys(got)) {
		if _, known := l.files[path]; !known && !strings.HasSuffix(path, "/") {
			bad = append(bad, fmt.Sprintf("%s is %q, and nobody made it", path, got[path]))
		}
	}
	if len(bad) > 0 {
		return fmt.Errorf("%d differences:\n%s", len(bad), strings.Join(bad, "\n"))
	}
	return nil
}
