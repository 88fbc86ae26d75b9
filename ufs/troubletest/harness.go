package troubletest

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/faultproxy"
	"github.com/millpond/millpond/ufs"
)

// Kinds that Harness.Kind gives to requests, so that items can pick them. Others are the store's own.
const (
	Get      = "get"      // reads an object, or a range of one
	Head     = "head"     // describes one
	List     = "list"     // a page of names
	Put      = "put"      // publishes a small object
	Part     = "part"     // a part of a large one
	Complete = "complete" // publishes the large one
)

// Harness connects the table with one driver and its server. Its funcs end the test through tb where they cannot do
// their work; those that are nil skip the items that want them, by the reason in Known.
type Harness struct {
	Target   string // the server's URL, "http://host:port"
	Kind     func(*http.Request) string
	PartSize int // of the places that Open opens: a file of three parts has several requests

	// Open opens a fresh place by way of a proxy at endpoint, with o.
	Open func(tb testing.TB, endpoint string, o *ufs.Options) *ufs.Store
	// Put and Get write and read an object of the place past driver and proxy.
	Put func(tb testing.TB, s *ufs.Store, key string, data []byte)
	Get func(tb testing.TB, s *ufs.Store, key string) ([]byte, bool)
	// Leftovers counts what unfinished uploads left in the place.
	Leftovers func(tb testing.TB, s *ufs.Store) int

	// Refuse answers as the store does with a status; after is its Retry-After, 0 for none.
	Refuse func(status int, after time.Duration) faultproxy.Fault
	// Passing are the statuses that the driver tells as something that passes.
	Passing []int
	// Busy are those by which the store refuses a write for now, which then did nothing.
	Busy []int
	// CompletesAgain says that the store knows the request that publishes an upload again: it may be made more than once.
	CompletesAgain bool
	// Pinned reports whether a request to read has a version as its condition.
	Pinned func(r *http.Request, version string) bool

	// Expiring opens the place of s with a provider whose first credentials the proxy p is told to refuse; asked counts
	// how often it was asked.
	Expiring func(tb testing.TB, p *faultproxy.Proxy, s *ufs.Store) (opened *ufs.Store, asked func() int)
	// WrongClock opens the place of s as a machine does whose clock is wrong, and returns what the error must say.
	WrongClock func(tb testing.TB, p *faultproxy.Proxy, s *ufs.Store) (opened *ufs.Store, say string)
	// NoBucket opens a place in a bucket that does not exist.
	NoBucket func(tb testing.TB, endpoint string) *ufs.Store

	// Known names what a server cannot show: item to reason.
	Known map[string]string
}

// item is one line of the table.
type item struct {
	name string
	f    func(p *place)
}

// Run asserts the table, each item over a place of its own.
func Run(t *testing.T, h Harness) { run(t, h, table()) }

// RunReads is Run without the items that write, for a driver that only reads.
func RunReads(t *testing.T, h Harness) { run(t, h, slices.Concat(readItems(), accessItems())) }

func run(t *testing.T, h Harness, items []item) {
	for _, i := range items {
		t.Run(i.name, func(t *testing.T) { i.check(t, h) })
	}
}

func table() []item { return slices.Concat(readItems(), writeItems(), accessItems()) }

func (i item) check(tb testing.TB, h Harness) {
	if why := h.Known[i.name]; why != "" {
		tb.Skip("known: " + why)
	}
	i.f(h.place(tb, quick()))
}

// quick are retries that a test can wait for. Nothing is hedged: requests are counted.
func quick() *ufs.Options {
	return &ufs.Options{Attempts: attempts, BaseDelay: 5 * time.Millisecond, MaxDelay: 20 * time.Millisecond, DisableHedge: true}
}

const attempts = 3

// place is a store behind a proxy of its own.
type place struct {
	testing.TB
	*faultproxy.Proxy
	h Harness
	s *ufs.Store
}

func (h Harness) place(tb testing.TB, o *ufs.Options) *place {
	p, err := faultproxy.Start(h.Target, h.Kind)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, p.Close()) })
	s := h.Open(tb, p.URL(), o)
	p.Reset()
	return &place{TB: tb, Proxy: p, h: h, s: s}
}
