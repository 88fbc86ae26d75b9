package ufs_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
)

// ranges reads ranges of one version, each as late as the script says, and returns how long the last took.
func (w *world) ranges(n int, version string) time.Duration {
	w.Helper()
	var began time.Time
	for range n {
		began = time.Now()
		got := make([]byte, 100)
		_, err := w.s.ReadAt(w.Context(), "f", version, got, 50)
		require.NoError(w, err)
		require.True(w, bytes.Equal(pattern(1000)[50:150], got))
	}
	return time.Since(began)
}

// warm makes a store whose ranges take 10 ms, and knows it.
func (w *world) warm() (version string) {
	w.Helper()
	w.put("f", pattern(1000))
	version = w.version("f")
	w.play("open delay=10ms")
	w.ranges(200, version)
	require.Zero(w, w.s.Metrics().Hedges)
	return version
}

func TestHedge(t *testing.T) {
	bubble(t, ufs.Options{}, nil, func(w *world) {
		v := w.warm()
		w.play("open nth=1 delay=5s\nopen nth=2- delay=10ms")
		calls := w.made(func() {
			require.Equal(w, 20*time.Millisecond+1, w.ranges(1, v), "late after 10 ms, answered in 10 more")
		})
		require.Equal(w, []string{"open f 50+100", "open f 50+100"}, calls)
		m := w.s.Metrics()
		require.EqualValues(w, 1, m.Hedges)
		require.EqualValues(w, 1, m.HedgesWon)
		require.EqualValues(w, 202, m.Calls["open"].Calls, "it is a request like any")
		require.Zero(w, m.Calls["open"].Errors)
		require.Zero(w, m.InFlight)
	})
}

// TestHedgeLoses: the first answer is taken, from whichever; the other's place is given back.
func TestHedgeLoses(t *testing.T) {
	bubble(t, ufs.Options{}, nil, func(w *world) {
		v := w.warm()
		w.play("open nth=1 delay=30ms\nopen nth=2- delay=5s")
		require.Equal(w, 30*time.Millisecond, w.ranges(1, v))
		m := w.s.Metrics()
		require.EqualValues(w, 1, m.Hedges)
		require.Zero(w, m.HedgesWon)
		require.NoError(w, w.s.Close(), "waits for the one that lost")
		require.Zero(w, w.s.Metrics().InFlight)
	})
}

// TestHedgeSaves: if the first fails in a way that may pass, the second's answer does.
func TestHedgeSaves(t *testing.T) {
	bubble(t, ufs.Options{}, nil, func(w *world) {
		v := w.warm()
		w.play("open nth=1 delay=15ms fail=reset\nopen nth=2- delay=50ms")
		require.Equal(w, 60*time.Millisecond+1, w.ranges(1, v))
		require.EqualValues(w, 1, w.s.Metrics().HedgesWon)
		require.Zero(w, w.s.Metrics().Retries)
	})
}

// TestHedgeFails: a second request that fails changes nothing for the first.
func TestHedgeFails(t *testing.T) {
	bubble(t, ufs.Options{}, nil, func(w *world) {
		v := w.warm()
		w.play("open nth=1 delay=100ms\nopen nth=2- fail=changed")
		require.Equal(w, 100*time.Millisecond, w.ranges(1, v))
		require.Zero(w, w.s.Metrics().HedgesWon)
	})
}

// TestHedgeBudget: a store that is slow for all gets at most 5 % more requests.
func TestHedgeBudget(t *testing.T) {
	bubble(t, ufs.Options{}, nil, func(w *world) {
		v := w.warm()
		for range 3000 { // each third is late
			w.play("open nth=1 delay=" + []string{"10ms", "10ms", "40ms"}[len(w.f.Log())%3])
			w.ranges(1, v)
		}
		m := w.s.Metrics()
		require.Positive(w, m.Hedges)
		require.LessOrEqual(w, float64(m.Hedges), 0.05*float64(m.Calls["open"].Calls-m.Hedges))
	})
}

// TestNoHedge: only for a range of a version, from a store that honours it, that has a place, and not when turned off.
func TestNoHedge(t *testing.T) {
	for name, c := range map[string]struct {
		o    ufs.Options
		hide func(c *driver.Caps)
		read func(w *world, v string) error
	}{
		"turned off":         {o: ufs.Options{DisableHedge: true}},
		"without a version":  {read: func(w *world, v string) error { w.ranges(1, ""); return nil }},
		"without conditions": {hide: func(c *driver.Caps) { c.IfVersion = false }},
		"to the end": {read: func(w *world, v string) error {
			rc, _, err := w.s.Open(w.Context(), "f", 0, -1, v)
			return errors.Join(err, rc.Close())
		}},
		"without a place": {o: ufs.Options{MaxCalls: 1}},
	} {
		bubble(t, c.o, c.hide, func(w *world) {
			v := w.warm()
			w.play("open nth=1 delay=1s")
			if c.read == nil {
				c.read = func(w *world, v string) error { w.ranges(1, v); return nil }
			}
			began := time.Now()
			require.NoError(w, c.read(w, v))
			require.Equal(w, time.Second, time.Since(began), name)
			require.Zero(w, w.s.Metrics().Hedges, name)
		})
	}
}

// TestHedgeIsForTheLate: what comes within 5 ms is never asked for twice, however fast the rest is.
func TestHedgeIsForTheLate(t *testing.T) {
	bubble(t, ufs.Options{}, nil, func(w *world) {
		w.put("f", pattern(1000))
		v := w.version("f")
		w.play("open delay=100µs")
		w.ranges(200, v)
		for i := range 10 {
			w.play(fmt.Sprintf("open delay=%dµs", 400*i))
			w.ranges(1, v)
		}
		require.Zero(w, w.s.Metrics().Hedges)
	})
}
