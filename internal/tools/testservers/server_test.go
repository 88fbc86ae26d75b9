package main

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// script makes a store whose script does what text says.
func script(t *testing.T, text string) store {
	t.Chdir(t.TempDir())
	require.NoError(t, os.MkdirAll("internal/servers", 0o755))
	require.NoError(t, os.WriteFile("internal/servers/x.sh", []byte("#!/bin/sh\n"+text+"\n"), 0o755))
	return store{name: "x", script: "x.sh", tests: "^TestNobodyHasThisName$"}
}

// TestLeftOut: what this machine cannot run is left out, with the script's own words, and that is no failure. What could run and
// does not is one.
func TestLeftOut(t *testing.T) {
	for status, bad := range map[string]bool{"3": false, "1": true} {
		s := script(t, `[ "$1" = stop ] || { echo "x: no such thing on this machine" >&2; exit `+status+`; }`)
		var out bytes.Buffer
		r := s.test(t.Context(), &out)
		require.Equal(t, bad, r.bad(), status)
		printTable(&out, []result{r})
		if bad {
			require.Equal(t, []string{"x: no such thing on this machine"}, r.failing)
			require.Contains(t, out.String(), "failed: x: x: no such thing on this machine")
			continue
		}
		require.Regexp(t, `x +- +- +- +left out: x: no such thing on this machine`, out.String())
	}
}

// TestStopsWhatItStarted: also what did not come up.
func TestStopsWhatItStarted(t *testing.T) {
	for _, status := range []string{"0", "1"} {
		s := script(t, `echo "$1" >>log; exit `+status)
		r := s.test(t.Context(), &bytes.Buffer{})
		log, err := os.ReadFile("log")
		require.NoError(t, err)
		require.Equal(t, "start\nstop\n", string(log))
		require.Equal(t, status != "0", r.bad())
	}
}
