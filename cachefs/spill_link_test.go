package cachefs_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/tier"
)

// TestSpillOverABrokenLink: a full node that does not reach one of the others spills to the next.
func TestSpillOverABrokenLink(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		c := cachefstest.New(t, 4, func(cfg *cachefs.Config) {
			cfg.BlockSize = 64 << 10
			if cfg.Mesh.Bind == "10.0.0.1:7946" {
				cfg.Tiers = []tier.Config{{Kind: tier.Memory, Size: 256 << 10}}
			}
		})
		time.Sleep(settled)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		c.Cut(0, 1+c.Primary()%3)
		want := randomBytes(512 << 10)
		for k := range 6 { // whichever the ring has for them
			path := fmt.Sprint("/f", k)
			require.NoError(t, writeFile(ctx, c.Nodes[0], path, want, cachefs.CreateOptions{ReplicasMin: 1}), path)
			require.NoError(t, same(readAll(t, c.Nodes[0], path), want, 0), path)
		}
		require.Positive(t, c.Nodes[0].Metrics().Spilled)
		c.Heal()
		time.Sleep(settled)
	})
}

// noTaker makes a and c full, and has the nodes named break off when they are asked to take blocks.
func (s *several) noTaker(broken error, silent string) {
	s.Helper()
	s.stuff("c")
	s.rig.FailCalls(func(_, to, method string) error {
		if method == "cachefs.hold" && strings.Contains(silent, to) {
			return broken
		}
		return nil
	})
}

// TestSpillFault: where no other node takes a full one's blocks, whether it is full or does not answer, MustCache has no space and says
// why, and AsyncThrough writes through, once. What is given up then is not in the store.
func TestSpillFault(t *testing.T) {
	broken := errors.New("broken")
	for name, silent := range map[string]string{"none answers": "bc", "one is full": "b"} {
		t.Run(name, func(t *testing.T) {
			overSeveral(t, 3, tiny(false, "a", "c"), func(s *several) {
				s.noTaker(broken, silent)
				want := randomBytes(512<<10 + 1000)
				o := cachefs.CreateOptions{ReplicasMin: 1}
				err := writeFile(s.Context(), s.nodes["a"], "/f", want, o)
				require.ErrorIs(s, err, cachefs.ErrNoSpace)
				require.Equal(s, silent == "bc", errors.Is(err, broken), "%v", err)
				s.requireNone("/f")

				published := s.publications()
				o.WriteType = cachefs.AsyncThrough
				w, err := s.nodes["a"].Create(s.Context(), "/m/aborted", &o)
				require.NoError(s, err)
				_, err = w.Write(want)
				require.NoError(s, err)
				require.NoError(s, w.Abort())
				s.requireNone("/m/aborted")

				require.NoError(s, writeFile(s.Context(), s.nodes["a"], "/m/f", want, o))
				require.Equal(s, cachefs.Persisted, s.state("/m/f"))
				s.rig.FailCalls(nil)
				time.Sleep(time.Minute)
				require.Equal(s, []string{"f"}, published())
				s.requireStored("f", want)
				s.everywhere(func(n *cachefs.Node) { require.NoError(s, same(readAll(s.T, n, "/m/f"), want, 0), n.ID()) })
				require.Zero(s, heldBlocks(s.nodes["a"]))
			})
		})
	}
}

// requireNone checks that no node has a file.
func (s *several) requireNone(path string) {
	s.Helper()
	s.everywhere(func(n *cachefs.Node) {
		_, err := n.Stat(s.Context(), path, nil)
		require.ErrorIs(s, err, cachefs.ErrNotExist, "%s on %s", path, n.ID())
	})
}

// publications are the keys of what the store is asked to show from now on, one for each time.
func (s *several) publications() (list func() []string) {
	var mu sync.Mutex
	var keys []string
	s.store.OnCall(func(op, key string) error {
		if op == "commit" {
			mu.Lock()
			defer mu.Unlock()
			keys = append(keys, key)
		}
		return nil
	})
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(keys)
	}
}
