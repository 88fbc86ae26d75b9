package ufs_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
)

func TestErrorsByKind(t *testing.T) {
	bubble(t, ufs.Options{Attempts: 1, DisableBreaker: true}, nil, func(w *world) {
		for fail, count := range map[string]func(e ufs.ErrorCounts) int64{
			"notexist":    func(e ufs.ErrorCounts) int64 { return e.NotExist },
			"permission":  func(e ufs.ErrorCounts) int64 { return e.Permission },
			"changed":     func(e ufs.ErrorCounts) int64 { return e.Changed },
			"exist":       func(e ufs.ErrorCounts) int64 { return e.Refused },
			"throttled":   func(e ufs.ErrorCounts) int64 { return e.Throttled },
			"timeout":     func(e ufs.ErrorCounts) int64 { return e.Timeout },
			"unavailable": func(e ufs.ErrorCounts) int64 { return e.Unavailable },
			"other":       func(e ufs.ErrorCounts) int64 { return e.Other },
		} {
			require.Zero(w, count(w.s.Metrics().Errors), fail)
			w.play("stat fail=" + fail)
			require.Error(w, w.stat())
			require.EqualValues(w, 1, count(w.s.Metrics().Errors), fail)
		}
		require.EqualValues(w, 8, w.s.Metrics().Calls["stat"].Errors)
	})
}

func TestLatency(t *testing.T) {
	bubble(t, ufs.Options{}, nil, func(w *world) {
		for i := range 100 {
			w.play("stat delay=3ms")
			if i >= 98 {
				w.play("stat delay=3s")
			}
			require.NoError(w, w.stat())
		}
		h := w.s.Metrics().Calls["stat"].Latency
		require.EqualValues(w, 100, h.Count())
		for q, want := range map[float64]time.Duration{0.5: 3 * time.Millisecond, 0.95: 3 * time.Millisecond, 0.99: 3 * time.Second, 1: 3 * time.Second} {
			got := h.Quantile(q)
			require.True(w, got >= want && got <= 2*want, "q %v: %v", q, got)
		}
		require.Zero(w, ufs.Histogram{}.Quantile(0.5))
	})
}
