package hdfsufs_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/hdfsufs"
)

// inBubble opens a place of a fake over connections in memory, where time is synctest's.
func inBubble(t *testing.T, answers map[string]answer, do func(t *testing.T, f *fake, s *ufs.Store)) {
	bubbletest.Test(t, func(t *testing.T) {
		f := unheard(t, answers)
		s, err := hdfsufs.Open("nn", "/place", &hdfsufs.Options{User: "me", Dial: f.dial})
		require.NoError(t, err)
		do(t, f, s)
		require.NoError(t, s.Close())
		f.running.Wait()
	})
}

func stat(t *testing.T, s *ufs.Store) {
	t.Helper()
	_, err := s.Stat(t.Context(), "f")
	require.NoError(t, err)
}

// TestIdle: a connection serves the next call, keeps leases meanwhile, and is closed when none comes for 3 s.
func TestIdle(t *testing.T) {
	var renewed atomic.Int32
	renew := func(protoreflect.Message) (string, error) { renewed.Add(1); return "", nil }
	inBubble(t, map[string]answer{"renewLease": renew}, func(t *testing.T, f *fake, s *ufs.Store) {
		stat(t, s)
		time.Sleep(2500 * time.Millisecond)
		stat(t, s)
		require.Equal(t, 1, f.connections())
		require.EqualValues(t, 2, renewed.Load())
		time.Sleep(3500 * time.Millisecond)
		f.running.Wait() // for the end of the connection
		seen := renewed.Load()
		time.Sleep(time.Minute)
		require.Equal(t, seen, renewed.Load(), "nobody is left who asks")
		stat(t, s)
		require.Equal(t, 2, f.connections())
	})
}

// TestBrokenWhileIdle: a connection that broke while it waited is not used for a change, which would be Unknown.
func TestBrokenWhileIdle(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, f *fake, s *ufs.Store) {
		stat(t, s)
		f.hangUp()
		time.Sleep(1500 * time.Millisecond)
		require.NoError(t, s.Delete(t.Context(), "f"))
		require.Equal(t, 2, f.connections())
	})
}
