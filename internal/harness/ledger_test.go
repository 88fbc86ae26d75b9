package harness_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/harness"
)

func TestLedger(t *testing.T) {
	l := harness.NewLedger()
	put := func(path string) harness.Request { return harness.Request{Op: "put", Path: path} }
	l.Acked(put("/w/a"), "A")
	l.Acked(put("/w/b"), "B")
	l.Acked(harness.Request{Op: "app", Path: "/w/a"}, "C")
	l.Acked(harness.Request{Op: "mv", Path: "/w/b", To: "/w/c"}, "")
	l.Acked(put("/w/d"), "D")
	l.Acked(harness.Request{Op: "rm", Path: "/w/d"}, "")
	l.Open(put("/w/e"), "E")
	l.Open(harness.Request{Op: "app", Path: "/w/c"}, "F")
	require.Equal(t, []string{"/w/a"}, l.Settled("/w"))
	ok := func(files ...string) map[string]string {
		got := map[string]string{"/w/": "", "/w/a": "A, C", "/w/c": "B"}
		for i := 0; i < len(files); i += 2 {
			got[files[i]] = files[i+1]
		}
		return got
	}
	require.NoError(t, l.Check(ok()))
	require.NoError(t, l.Check(ok("/w/e", "E", "/w/c", "B, F")))
	for _, bad := range []map[string]string{
		ok("/w/a", "A"), ok("/w/a", ""), ok("/w/b", "B"), ok("/w/d", "D"), ok("/w/e", "B"), ok("/w/c", ""), ok("/w/x", "X"), {},
	} {
		require.Error(t, l.Check(bad), "%v", bad)
	}
	l.Refused()
	require.Equal(t, "6 changes acknowledged, 1 refused, 2 of unknown outcome", l.Counts())
}
