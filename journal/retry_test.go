package journal_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/journal"
)

func TestRetryGetsFirstAnswer(t *testing.T) {
	cfg := journal.Config{Dir: t.TempDir()}
	j, r := open(t, cfg)
	s := j.Session()
	op := s.Next()
	first, at, err := j.Propose(t.Context(), op, []byte("add a"))
	require.NoError(t, err)
	add(t, j, "a")
	for _, reopen := range []string{"same", "log", "checkpoint"} {
		switch reopen {
		case "checkpoint":
			require.NoError(t, j.Checkpoint(t.Context()))
			fallthrough
		case "log":
			require.NoError(t, j.Close(t.Context()))
			j, r = open(t, cfg)
		}
		again, index, err := j.Propose(t.Context(), op, []byte("add a"))
		require.NoError(t, err, reopen)
		require.Equal(t, first, again, reopen)
		require.Equal(t, at, index, reopen)
		require.Equal(t, 2, r.get("a"), reopen)
	}
	s.Done(op)
	next := s.Next()
	_, _, err = j.Propose(t.Context(), next, []byte("add a"))
	require.NoError(t, err)
	_, _, err = j.Propose(t.Context(), op, []byte("add a"))
	require.ErrorIs(t, err, journal.ErrExpired)
	require.Equal(t, 3, r.get("a"))
}

func TestTwinsInOneBatchHappenOnce(t *testing.T) {
	j, r := open(t, journal.Config{})
	s := j.Session()
	for round := range 50 {
		op := s.Next()
		var wg sync.WaitGroup
		answers := make([]string, 8)
		for i := range answers {
			wg.Go(func() {
				a, _, err := j.Propose(t.Context(), op, []byte("add t"))
				if err != nil {
					t.Error(err)
				}
				answers[i] = string(a)
			})
		}
		wg.Wait()
		for _, a := range answers {
			require.Equal(t, fmt.Sprint(round+1), a)
		}
	}
	require.Equal(t, 50, r.get("t"))
	seen := map[string]bool{}
	ctx, cancel := context.WithCancel(t.Context())
	for e, err := range j.Subscribe(ctx, 1) {
		if err != nil {
			break
		}
		require.False(t, seen[fmt.Sprint(e.Op)], "operation %v came twice", e.Op)
		seen[fmt.Sprint(e.Op)] = true
		if len(seen) == 50 && e.Index == j.Index() || len(seen) == 50 {
			cancel()
		}
	}
	cancel()
	require.Len(t, seen, 50)
}

func TestSessionIsBounded(t *testing.T) {
	j, _ := open(t, journal.Config{})
	s := j.Session()
	ops := make([]journal.OpID, journal.MaxOpen)
	for i := range ops {
		ops[i] = s.Next()
		_, _, err := j.Propose(t.Context(), ops[i], []byte("add a"))
		require.NoError(t, err)
	}
	over := s.Next()
	_, _, err := j.Propose(t.Context(), over, []byte("add a"))
	require.ErrorIs(t, err, journal.ErrTooManyOpen)
	s.Done(ops[0])
	over.Acked = s.Next().Acked
	_, _, err = j.Propose(t.Context(), over, []byte("add a"))
	require.NoError(t, err)
}

func TestSessionsExpireByEntryTime(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		r := newRegister()
		j, err := journal.Open(t.Context(), journal.Config{}, r)
		require.NoError(t, err)
		s := j.Session()
		op := s.Next()
		_, _, err = j.Propose(t.Context(), op, []byte("add a"))
		require.NoError(t, err)
		time.Sleep(journal.RetryWindow + time.Second)
		_, _, err = j.Propose(t.Context(), op, []byte("add a"))
		require.NoError(t, err, "its answer is still there")
		time.Sleep(2 * journal.SessionIdle)
		add(t, j, "b")
		_, _, err = j.Propose(t.Context(), op, []byte("add a"))
		require.ErrorIs(t, err, journal.ErrExpired)
		require.Equal(t, 1, r.get("a"))
		_, _, err = j.Propose(t.Context(), s.Next(), []byte("add a"))
		require.NoError(t, err, "an idle session may go on")
		require.NoError(t, j.Close(t.Context()))
	})
}
