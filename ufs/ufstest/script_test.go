package ufstest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs/ufstest"
)

func TestScriptPrints(t *testing.T) {
	for _, line := range []string{
		"open", "* delay=50ms", "open key=a/* nth=3 fail=unavailable", "commit nth=2- done fail=reset", "stat nth=1-2 stall",
		"open short=0", "open cut=1000 flip=3", "open hang=7", `open key="a b=c" fail=throttled after=1s`, "open key=*x*y*",
	} {
		s, err := ufstest.ParseScript("# a comment\n\n  " + line + "  \n")
		require.NoError(t, err, line)
		require.Equal(t, line+"\n", s.String())
	}
}

func TestScriptRefuses(t *testing.T) {
	for line, say := range map[string]string{
		"opne":           `line 2: no call "opne" (have *, stat`,
		"open fail=so":   "no such failure (have changed",
		"open nth=0":     "want N, N- or N-M",
		"open nth=3-2":   "want N, N- or N-M",
		"open nth=x":     "invalid syntax",
		"open delay=-1s": "negative",
		"open short=-1":  "negative",
		"open loud":      "no such word",
		`open key="a`:    "invalid syntax",
	} {
		_, err := ufstest.ParseScript("stat\n" + line)
		require.ErrorContains(t, err, say, line)
	}
}

// FuzzScript: what parses prints as what parses to the same.
func FuzzScript(f *testing.F) {
	f.Add("open key=a/* nth=3 fail=unavailable\ncommit nth=2- done fail=reset")
	f.Add(`* key="\x00 \"=" delay=1h2m stall`)
	f.Add("open key==\"x\" short=1 cut=2 hang=3 flip=4 after=1s")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ufstest.ParseScript(text)
		if err != nil {
			return
		}
		again, err := ufstest.ParseScript(s.String())
		require.NoError(t, err, "%q", s.String())
		require.Equal(t, s, again, "%q", s.String())
	})
}
