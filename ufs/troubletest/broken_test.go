package troubletest_test

import (
	"crypto/rand"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/millpond/millpond/internal/faultproxy"
	"github.com/millpond/millpond/internal/redtest"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/objects"
	"github.com/millpond/millpond/ufs/troubletest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// breakages are habits of drivers and stores, and the items that must see them.
var breakages = map[string][]string{
	"gives up on a server that fails":               {"refusals_are_retried"},
	"takes a refusal for a lost answer":             {"refused_upload_is_sent_again", "refused_completion_is_asked_for_again"},
	"asks to be called again and lets go":           {"refused_upload_is_sent_again", "refused_completion_is_asked_for_again"},
	"gives up on a busy server":                     {"refused_part_is_sent_again"},
	"asks again by itself":                          {"retries_are_bounded"},
	"all come back together":                        {"retries_have_jitter"},
	"comes back at once":                            {"retry_after_is_kept"},
	"gives up on a lost connection":                 {"reset_before_an_answer", "cut_part_is_sent_again"},
	"reads from the start always":                   {"cut_body_resumes_at_its_offset", "reset_body_resumes"},
	"reads any version":                             {"cut_body_resumes_at_its_offset", "replaced_while_cut_is_ErrChanged"},
	"believes the length of an answer":              {"short_body_with_matching_length"},
	"tells no sums":                                 {"flipped_byte_is_found_by_checksum"},
	"forgets its context":                           {"stalled_body_ends_with_its_context", "silent_server_ends_with_the_context"},
	"takes no version as a condition":               {"late_answer_is_hedged"},
	"publishes what has arrived":                    {"cut_upload_publishes_nothing"},
	"leaves parts":                                  {"cancelled_upload_publishes_nothing"},
	"sends no sums":                                 {"flipped_byte_of_an_upload_is_refused", "flipped_byte_of_a_part_is_refused"},
	"is sure of what it does not know":              {"lost_answer_is_Unknown", "lost_answer_of_a_completion_is_Unknown", "server_error_at_completion_publishes_nothing"},
	"takes what is forbidden for missing":           {"denied_upload_is_ErrPermission", "may_not_list_but_read", "may_list_but_not_read"},
	"does not say that a clock is wrong":            {"clock_that_is_wrong"},
	"keeps its token":                               {"expired_credentials_are_refreshed"},
	"takes a depot that is gone for files that are": {"bucket_that_does_not_exist"},
}

// harness opens places of a depot with a habit.
func (d *depot) harness(habit string) troubletest.Harness {
	prefixes := map[*ufs.Store]string{}
	open := func(tb testing.TB, endpoint, prefix string, o *ufs.Options, set func(c *client)) *ufs.Store {
		c := &client{url: endpoint, http: &http.Client{Transport: &http.Transport{}}, parts: objects.NewParts(part, part), habit: habit, token: func() string { return "new" }, now: time.Now}
		if set != nil {
			set(c)
		}
		if habit == "all come back together" {
			o.BaseDelay, o.MaxDelay = 1, 1
		}
		s, err := ufs.New(objects.New(c, prefix), "depot:"+prefix, o)
		require.NoError(tb, err)
		tb.Cleanup(func() { require.NoError(tb, s.Close()) })
		prefixes[s] = prefix
		return s
	}
	return troubletest.Harness{
		Target: d.URL, Kind: kind, PartSize: part, Passing: []int{500, 503, 429}, Busy: []int{503, 429},
		Refuse: func(status int, after time.Duration) faultproxy.Fault {
			return faultproxy.Answer(status, http.Header{"Retry-After": {strconv.Itoa(int(after.Seconds()))}}, "")
		},
		Open: func(tb testing.TB, endpoint string, o *ufs.Options) *ufs.Store {
			return open(tb, endpoint+"/depot", rand.Text()+"/", o, nil)
		},
		Put: func(_ testing.TB, s *ufs.Store, key string, data []byte) {
			d.objects.Set(prefixes[s]+key, string(data))
		},
		Get:       func(tb testing.TB, s *ufs.Store, key string) ([]byte, bool) { return d.read(tb, prefixes[s]+key) },
		Leftovers: func(_ testing.TB, s *ufs.Store) int { return d.leftovers(prefixes[s]) },
		Pinned:    func(r *http.Request, version string) bool { return r.Header.Get("If-Match") == version },
		WrongClock: func(tb testing.TB, p *faultproxy.Proxy, s *ufs.Store) (*ufs.Store, string) {
			return open(tb, p.URL()+"/depot", prefixes[s], nil, func(c *client) {
				c.now = func() time.Time { return time.Now().Add(time.Hour) }
			}), "clock is wrong"
		},
		Expiring: func(tb testing.TB, p *faultproxy.Proxy, s *ufs.Store) (*ufs.Store, func() int) {
			var asked atomic.Int32
			p.On(faultproxy.Rule{Match: func(r *http.Request) bool { return r.Header.Get("Authorization") == "old" }, Fault: faultproxy.Answer(http.StatusServiceUnavailable, nil, "")})
			return open(tb, p.URL()+"/depot", prefixes[s], nil, func(c *client) {
				c.token = func() string {
					if asked.Add(1) == 1 || habit == "keeps its token" {
						return "old"
					}
					return "new"
				}
			}), func() int { return int(asked.Load()) }
		},
		NoBucket: func(tb testing.TB, endpoint string) *ufs.Store { return open(tb, endpoint+"/nowhere", "p/", nil, nil) },
	}
}

const part = 64 << 10

// kind names requests to a depot.
func kind(r *http.Request) string {
	q := r.URL.Query()
	switch {
	case q.Has("prefix"):
		return troubletest.List
	case q.Has("part"):
		return troubletest.Part
	case q.Has("parts"):
		return troubletest.Complete
	case r.Method == http.MethodPut:
		return troubletest.Put
	case r.Method == http.MethodGet:
		return troubletest.Get
	case r.Method == http.MethodHead:
		return troubletest.Head
	}
	return r.Method
}

// TestTable: a driver that keeps its promises passes.
func TestTable(t *testing.T) { troubletest.Run(t, newDepot(t).harness("")) }

// TestTableSeesHabits: each item goes red over a driver, or a store, that has the habit which it is about.
func TestTableSeesHabits(t *testing.T) {
	seen := map[string]bool{}
	for habit, items := range breakages {
		for _, item := range items {
			seen[item] = true
		}
		t.Run(strings.ReplaceAll(habit, " ", "_"), func(t *testing.T) {
			d := newDepot(t)
			d.gullible = habit == "publishes what has arrived"
			for _, item := range items {
				failed, skipped, said := false, false, []string(nil)
				for n := 0; n < 5 && !failed; n++ { // a machine with too much to do may give the jitter that a driver lacks
					failed, skipped, said = redtest.Record(t, func(tb testing.TB) { troubletest.Check(tb, d.harness(habit), item) })
				}
				require.True(t, failed, "%s is green (skipped: %v %v)", item, skipped, said)
			}
		})
	}
	for _, item := range troubletest.Items() {
		require.True(t, seen[item], "no habit is about %s", item)
	}
}

// TestKnownIsSkipped: with the reason that is given.
func TestKnownIsSkipped(t *testing.T) {
	h := troubletest.Harness{Known: map[string]string{"retry_after_is_kept": "it keeps nothing"}}
	failed, skipped, said := redtest.Record(t, func(tb testing.TB) { troubletest.Check(tb, h, "retry_after_is_kept") })
	require.False(t, failed)
	require.True(t, skipped)
	require.Equal(t, []string{"known: it keeps nothing"}, said)
}
