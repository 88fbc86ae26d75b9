package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// call runs goals with arguments.
func call(all []goal, args ...string) (code int, stdout, stderr string) {
	var out, bad bytes.Buffer
	code = run(all, args, &out, &bad)
	return code, out.String(), bad.String()
}

// TestGoalsOfOneProcess: each goal that one process has is there, and what stands beside the goals.
func TestGoalsOfOneProcess(t *testing.T) {
	have := map[float64]bool{}
	for _, g := range goals() {
		have[g.id] = true
	}
	for _, id := range []float64{1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 14, 15, 17, 18, 19, 20, 21, 100} {
		require.True(t, have[id], "goal %g", id)
	}
}

func TestGoalsArePicked(t *testing.T) {
	for pick, want := range map[string]string{"1-3,18": "1 2 3 18", "15": "15 15", " 20 , 6": "6 20", "": ""} {
		code, stdout, _ := call(goals(), "-list", "-goals", pick)
		require.Zero(t, code)
		var ids []string
		for line := range strings.Lines(stdout) {
			ids = append(ids, strings.Fields(line)[0])
		}
		if pick == "" {
			require.Len(t, ids, len(goals()))
			continue
		}
		require.Equal(t, want, strings.Join(ids, " "), pick)
	}
}

// TestExitStatus: 1 as soon as one line is SHORT or could not be had, with all the others printed.
func TestExitStatus(t *testing.T) {
	line := func(ratios ...float64) func(*report) error {
		return func(r *report) error { r.line("name", "1ns", "2ns", atMost(2), ratios...); return nil }
	}
	good, short := goal{1, "good", line(1, 2, 3)}, goal{2, "short", line(1, 3, 4)}
	failed := goal{3, "failed", func(*report) error { return errors.New("broken") }}
	for name, c := range map[string]struct {
		all  []goal
		code int
		says []string
	}{
		"ok":     {[]goal{good}, 0, []string{"1    name", "2.000      <=2 ok    [1.000..3.000]"}},
		"SHORT":  {[]goal{short, good}, 1, []string{"3.000      <=2 SHORT [1.000..4.000]", "2.000      <=2 ok", "1 short, 0 failed"}},
		"failed": {[]goal{failed, good}, 1, []string{"3    failed: broken", "2.000      <=2 ok", "0 short, 1 failed"}},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := call(c.all)
			require.Equal(t, c.code, code)
			require.Empty(t, stderr)
			for _, s := range c.says {
				require.Contains(t, stdout, s)
			}
		})
	}
	for _, bad := range [][]string{{"-rounds", "4"}, {"-goals", "3-1"}, {"-goals", "x"}, {"1"}, {"-colour"}} {
		code, stdout, stderr := call([]goal{good}, bad...)
		require.Equal(t, 2, code, bad)
		require.Empty(t, stdout)
		require.NotEmpty(t, stderr)
	}
}

// TestRoundsAreInterleaved: five rounds or more, each of both sides, who is first in turn.
func TestRoundsAreInterleaved(t *testing.T) {
	for _, args := range [][]string{nil, {"-rounds", "5"}} {
		var order strings.Builder
		side := func(name string) side { return func(int) error { order.WriteString(name); return nil } }
		code, _, _ := call([]goal{{1, "", func(r *report) error {
			return r.interleave("", atLeast(0), true, false, func() error { return nil }, side("o"), 1, side("t"), 1)
		}}}, args...)
		require.Zero(t, code)
		want := "ottoottoot"
		if args == nil {
			want = "ottoottoottoot"
		}
		require.Equal(t, want, order.String())
	}
}
