package cachefs_test

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/peer"
)

// TestClientLongWords: what is too long for a frame is refused where it is asked for, and told briefly where it is the answer.
func TestClientLongWords(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		c := cachefstest.New(t, 2)
		time.Sleep(10 * time.Second)
		client := c.Client()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		_, err := client.Create(ctx, "/"+strings.Repeat("x", 2<<20), nil)
		require.ErrorIs(t, err, fs.ErrInvalid)
		require.Less(t, time.Since(began), time.Second, "no node takes it")

		putStore(t, c, "f", content(1, 100_000))
		c.Store.OnCall(func(op, _ string) error {
			if op == "open" {
				return fmt.Errorf("%w: %s", fs.ErrPermission, strings.Repeat("no ", 1<<20))
			}
			return nil
		})
		j, err := client.Load(ctx, "/mem", nil)
		require.NoError(t, err)
		err = j.Wait(ctx)
		require.ErrorIs(t, err, fs.ErrPermission)
		require.ErrorContains(t, err, "no no no")
		require.Less(t, len(err.Error()), 10_000)
	})
}

// TestClientRefused: a Client with another secret is told why it is refused, and so is the node.
func TestClientRefused(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		refused := make(chan error, 100)
		c := cachefstest.New(t, 2, func(cfg *cachefs.Config) {
			cfg.Mesh.Events.Refused = func(i peer.RefusedInfo) { refused <- i.Err }
		})
		var cfg cachefs.DialConfig
		c.Client(func(right *cachefs.DialConfig) { cfg = *right })
		cfg.Mesh.Secret = "another secret, no shorter"
		began := time.Now()
		_, err := cachefs.Dial(t.Context(), cfg)
		require.ErrorIs(t, err, peer.ErrSecret)
		require.Less(t, time.Since(began), time.Second, "nothing is gained by asking again")
		require.ErrorIs(t, <-refused, peer.ErrSecret)
		_, err = cachefs.Dial(t.Context(), cachefs.DialConfig{})
		require.ErrorIs(t, err, fs.ErrInvalid)
	})
}

// TestDialSaysWhoDoesNotAnswer: also when the context ends before RetryTime is over.
func TestDialSaysWhoDoesNotAnswer(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		c := cachefstest.New(t, 2)
		var cfg cachefs.DialConfig
		c.Client(func(right *cachefs.DialConfig) { cfg = *right })
		c.Stop(0, 1)
		ctx, cancel := context.WithTimeout(t.Context(), 3050*time.Millisecond)
		defer cancel()
		_, err := cachefs.Dial(ctx, cfg)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "node at "+c.Addr(1))
	})
}

// TestClientDies: what a Client writes ends with it: at once if it closes, and after a while if its host vanishes.
func TestClientDies(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		c := cachefstest.New(t, 2)
		time.Sleep(10 * time.Second)
		client := c.Client()
		_, err := client.Create(t.Context(), "/f", nil)
		require.NoError(t, err)
		n := c.Nodes[asked(t, c, client)]
		require.Equal(t, 1, n.Metrics().Writers)
		require.Equal(t, 1, n.Metrics().ClientStreams)
		c.VanishClient(0)
		time.Sleep(5 * time.Second)
		require.Equal(t, 1, n.Metrics().Writers)
		time.Sleep(30 * time.Second)
		require.Zero(t, n.Metrics().Writers)
		require.Zero(t, n.Metrics().ClientStreams)
		_, err = n.Stat(t.Context(), "/f", nil)
		require.ErrorIs(t, err, fs.ErrNotExist)

		client = c.Client()
		_, err = client.Create(t.Context(), "/g", nil)
		require.NoError(t, err)
		n = c.Nodes[asked(t, c, client)]
		require.NoError(t, client.Close())
		time.Sleep(time.Second)
		require.Zero(t, n.Metrics().Writers)
		_, err = n.Stat(t.Context(), "/g", nil)
		require.ErrorIs(t, err, fs.ErrNotExist)
	})
}
