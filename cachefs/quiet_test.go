package cachefs_test

import (
	"bytes"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/bubbletest"
)

// lockedBuffer is written to by many nodes.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestHealthyMeshIsQuiet: nodes that come together, work, lose their primary by its leave, and close have nothing to warn of.
func TestHealthyMeshIsQuiet(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		var said lockedBuffer
		c := cachefstest.New(t, 3, func(cfg *cachefs.Config) {
			cfg.Logger = slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelWarn}))
		})
		time.Sleep(20 * time.Second)
		for _, n := range c.Nodes {
			require.NoError(t, n.Mkdir(t.Context(), "/"+n.ID(), nil))
		}
		i := c.Primary()
		c.Stop(i)
		time.Sleep(20 * time.Second)
		require.NoError(t, c.Nodes[(i+1)%3].Mkdir(t.Context(), "/after", nil))
		c.Start(i)
		time.Sleep(20 * time.Second)
		c.Stop((i+1)%3, (i+2)%3, i)
		require.Empty(t, said.String())
	})
}
