package cachefs_test

import (
	"context"
	"errors"
	"fmt"
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

// TestSpillFault: that no other node is reached is not that none has room; where one says that it is full, all are.
func TestSpillFault(t *testing.T) {
	broken := errors.New("broken")
	for name, silent := range map[string]string{"none answers": "bc", "one is full": "b"} {
		t.Run(name, func(t *testing.T) {
			overSeveral(t, 3, tiny(false, "a", "c"), func(s *several) {
				want := randomBytes(512 << 10)
				full := cachefs.CreateOptions{Size: 256 << 10, ReplicasMin: 1}
				require.NoError(s, copyFile(s.Context(), s.nodes["c"], "/full", want[:256<<10], full))
				s.rig.FailCalls(func(_, to, method string) error {
					if method == "cachefs.hold" && (to == "c" && silent == "bc" || to == "b") {
						return broken
					}
					return nil
				})
				once := cachefs.CreateOptions{ReplicasMin: 1}
				err := writeFile(s.Context(), s.nodes["a"], "/f", want, once)
				once.WriteType = cachefs.AsyncThrough
				through := writeFile(s.Context(), s.nodes["a"], "/m/f", want, once)
				s.rig.FailCalls(nil)
				if silent == "b" {
					require.ErrorIs(s, err, cachefs.ErrNoSpace)
					require.NoError(s, through)
					s.requireStored("f", want)
					return
				}
				for _, err := range []error{err, through} {
					require.ErrorIs(s, err, broken)
					require.NotErrorIs(s, err, cachefs.ErrNoSpace)
				}
			})
		})
	}
}
