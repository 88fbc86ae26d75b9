package peer_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/peer"
)

const newSecret = "another secret of some length"

// TestSecretChangedWhileRunning: nobody misses anybody at any step, and then the old one is worth nothing.
func TestSecretChangedWhileRunning(t *testing.T) {
	for name, encrypt := range map[string]bool{"authenticated": false, "encrypted": true} {
		t.Run(name, func(t *testing.T) {
			bubbletest.Test(t, func(t *testing.T) {
				m := newMesh(t)
				m.cfg.Encrypt = encrypt
				var failed atomic.Int32
				m.cfg.Events.Member = func(o peer.Member) {
					if o.State == peer.Failed {
						failed.Add(1)
					}
				}
				ns := m.grow(3)
				meet(t, 10*time.Second, ns...)
				for _, step := range [][]string{{secret, newSecret}, {newSecret, secret}, {newSecret}} {
					for _, n := range ns {
						require.NoError(t, n.SetSecrets(step[0], step[1:]...))
						time.Sleep(20 * time.Second) // longer than failures take to be seen
						require.Zero(t, failed.Load(), "nobody missed anybody")
					}
				}
				talk(t, ns[0], ns[1])
				late := m.start(3, func(c *peer.Config) { c.Secret = newSecret })
				meet(t, 10*time.Second, append(ns, late)...)
				time.Sleep(time.Minute)
				for _, n := range append(ns, late) {
					require.Zero(t, n.Metrics().Gossip.Refused, "packets at %s", n.ID())
				}
				stranger := m.start(4, nil)
				time.Sleep(time.Minute)
				require.Equal(t, "node-04", alive(stranger), "it has the old one")
			})
		})
	}
}

func TestSetSecretsRefuses(t *testing.T) {
	with, without := open(t, peer.Config{Secret: secret}, "with"), open(t, peer.Config{}, "without")
	require.ErrorContains(t, with.SetSecrets("short"), "16 or more")
	require.ErrorContains(t, with.SetSecrets(""), "neither begun nor ended")
	require.ErrorContains(t, without.SetSecrets(secret), "neither begun nor ended")
}
