package ufstest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/millpond/millpond/ufs"
)

// Harness connects the suite with one store. Its funcs end the test through tb where they cannot do their work.
type Harness struct {
	// Open makes a fresh empty place: a new directory, a new prefix of one bucket. It closes the Store in a Cleanup.
	Open func(tb testing.TB) *ufs.Store

	// Second opens the place of s once more, as another process would. Default: s itself.
	Second func(tb testing.TB, s *ufs.Store) *ufs.Store

	// PutRaw writes a file past the driver: no directory markers, no checks. Stores without Caps.Directories and those
	// with Caps.ReadOnly want it; others make the same trees through Create.
	PutRaw func(tb testing.TB, s *ufs.Store, key string, data []byte)

	// Leftovers counts what unfinished writes left behind in the place: parts of uploads, temporary files.
	Leftovers func(tb testing.TB, s *ufs.Store) int

	// Deny opens the place of s so that key, a file, may not be read (and need not be seen).
	Deny func(tb testing.TB, s *ufs.Store, key string) *ufs.Store

	// Known names defects of a server: item to reason. Those items are skipped and the reason is shown.
	Known map[int]string
}

// item is one line of the table.
type item struct {
	n    int
	name string
	f    func(p *place)
}

// Name is the subtest's name: the number first, so that tables sort.
func (i item) Name() string { return fmt.Sprintf("%02d_%s", i.n, i.name) }

// Run asserts items 1-58 and 60, each as a subtest over a place of its own.
func Run(t *testing.T, h Harness) {
	for _, i := range table() {
		t.Run(i.Name(), func(t *testing.T) { check(t, h, i) })
	}
}

// patience bounds an item, so that a store that hangs is a failure that has a name.
const patience = 2 * time.Minute

func check(tb testing.TB, h Harness, i item) {
	if why := h.Known[i.n]; why != "" {
		tb.Skip("known: " + why)
	}
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	tb.Cleanup(cancel)
	i.f(&place{TB: tb, h: h, s: h.Open(tb), ctx: ctx})
}

// table has the items in order.
func table() []item {
	var all []item
	for _, group := range [][]item{writeItems(), readItems(), deleteItems(), statItems(), listItems(), renameItems(), partItems(), raceItems(), oddItems(), troubleItems()} {
		all = append(all, group...)
	}
	return sorted(all)
}
