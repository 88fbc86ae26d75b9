package cachefs_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
)

// overGate is overSeveral with a gate before the store.
func overGate(t *testing.T, n int, test func(s *several, g *gate)) {
	var g *gate
	overSeveral(t, n, func(_ string, cfg *cachefs.Config) {
		if g == nil {
			g = newGate(cfg.Mounts[0].Store)
		}
		cfg.Mounts[0].Store = g.ufs
	}, func(s *several) { test(s, g) })
}

// persisted checks that a file is in its store, on every node, and that nobody holds its blocks any more.
func (s *several) persisted(path string, data []byte) {
	s.Helper()
	s.everywhere(func(n *cachefs.Node) {
		in, err := n.Stat(s.Context(), path, nil)
		require.NoError(s, err, n.ID())
		require.Equal(s, cachefs.Persisted, in.Persist(), n.ID())
		for _, b := range cachefs.Blocks(n) {
			require.False(s, b.Held, "%v on %s", b.ID, n.ID())
		}
		require.NoError(s, same(readAll(s.T, n, path), data, 0), n.ID())
	})
}

// TestHomeDies: a home dies at each stage of its upload. The next one goes on, and what the dead one does when it wakes up
// changes nothing.
func TestHomeDies(t *testing.T) {
	for _, at := range []stage{beforeUpload, midUpload, atCommit, afterCommit} {
		t.Run(string(at), func(t *testing.T) {
			overGate(t, 4, func(s *several, g *gate) {
				home := s.others(s.rig.Primary().ID())[0]
				reached, let := g.stop(at)
				require.NoError(s, writeFile(s.Context(), s.nodes[home], "/m/f", planned("1"), cachefs.CreateOptions{WriteType: cachefs.AsyncThrough}))
				<-reached
				homes := s.homes("/m/f")
				require.Len(s, homes, 2)
				require.Equal(s, home, homes[0])
				s.crash(home)
				time.Sleep(30 * time.Second)
				s.persisted("/m/f", planned("1"))
				let()
				time.Sleep(30 * time.Second)
				s.persisted("/m/f", planned("1"))
				require.Equal(s, map[string]string{"f": string(planned("1"))}, g.content(s.T))
			})
		})
	}
}

// TestWriterDies: what a node was writing when it died is gone, the old version is not; or what its store has shows, whole.
func TestWriterDies(t *testing.T) {
	for _, at := range []stage{midUpload, atCommit, afterCommit} {
		t.Run(string(at), func(t *testing.T) {
			overGate(t, 3, func(s *several, g *gate) {
				writer := s.others(s.rig.Primary().ID())[0]
				stays := s.rig.Primary()
				require.NoError(s, writeFile(s.Context(), stays, "/m/old", planned("1"), cachefs.CreateOptions{}))
				reached, let := g.stop(at)
				for path, how := range map[string]cachefs.WriteType{"/new": cachefs.MustCache, "/m/async": cachefs.AsyncThrough} {
					w, err := s.nodes[writer].Create(s.Context(), path, &cachefs.CreateOptions{WriteType: how})
					require.NoError(s, err)
					_, err = w.Write(planned("2"))
					require.NoError(s, err)
				}
				go writeFile(s.Context(), s.nodes[writer], "/m/old", planned("3"), cachefs.CreateOptions{Overwrite: true})
				<-reached
				s.crash(writer)
				time.Sleep(30 * time.Second)
				check := func() {
					s.everywhere(func(n *cachefs.Node) {
						for _, path := range []string{"/new", "/m/async"} {
							_, err := n.Stat(s.Context(), path, nil)
							require.ErrorIs(s, err, cachefs.ErrNotExist, "%s on %s", path, n.ID())
						}
						_, err := n.Stat(s.Context(), "/m/old", &cachefs.StatOptions{Sync: true})
						require.NoError(s, err)
						got := readAll(s.T, n, "/m/old")
						require.True(s, bytes.Equal(got, planned("1")) || bytes.Equal(got, planned("3")), "a mixture on %s", n.ID())
						require.Equal(s, g.content(s.T)["old"], string(got), n.ID())
					})
				}
				check()
				let()
				time.Sleep(30 * time.Second)
				check()
			})
		})
	}
}

// TestCopiesAreMadeAnew: when a home dies another node takes copies; when it is back, its own count, too.
func TestCopiesAreMadeAnew(t *testing.T) {
	for _, how := range []cachefs.WriteType{cachefs.MustCache, cachefs.AsyncThrough} {
		t.Run(fmt.Sprint(how), func(t *testing.T) {
			overSeveral(t, 5, nil, func(s *several) {
				path := map[cachefs.WriteType]string{cachefs.MustCache: "/f", cachefs.AsyncThrough: "/m/f"}[how]
				down := errors.New("down")
				s.store.OnCall(func(op, _ string) error {
					if op == "commit" {
						return down
					}
					return nil
				})
				writer := s.others(s.rig.Primary().ID())[0]
				require.NoError(s, writeFile(s.Context(), s.nodes[writer], path, planned("1"), cachefs.CreateOptions{WriteType: how}))
				homes := s.homes(path)
				require.Len(s, homes, 2)
				s.crash(homes[0])
				time.Sleep(30 * time.Second)
				now := s.homes(path)
				require.Len(s, now, 3, "the one that died may come back")
				require.True(s, cachefs.HoldsAll(s.nodes[now[2]], path))
				s.back(homes[0])

				for _, id := range s.homes(path) {
					require.True(s, cachefs.HoldsAll(s.nodes[id], path), id)
				}
			})
		})
	}
}

// TestCopiesAskedForLate: a node that is asked for copies of a file which is in its store by then takes them, and does not
// hold them for ever.
func TestCopiesAskedForLate(t *testing.T) {
	overSeveral(t, 3, nil, func(s *several) {
		from := s.nodes["a"]
		require.NoError(s, writeFile(s.Context(), from, "/m/f", planned("1"), cachefs.CreateOptions{WriteType: cachefs.AsyncThrough}))
		s.settle()
		s.persisted("/m/f", planned("1"))
		for _, id := range s.others("a") {
			require.NoError(s, cachefs.AskHold(s.Context(), s.nodes[id], from, "/m/f", int64(len(planned("1")))))
		}
		s.persisted("/m/f", planned("1"))
	})
}

func TestCopiesOfImpossibleFilesAreRefused(t *testing.T) {
	overSeveral(t, 2, nil, func(s *several) {
		w, err := s.nodes["a"].Create(s.Context(), "/f", nil)
		require.NoError(s, err)
		for _, size := range []int64{-1, -1 << 62, 1 << 62} {
			require.ErrorContains(s, cachefs.AskHold(s.Context(), s.nodes["b"], s.nodes["a"], "/f", size), "copies of a file", size)
		}
		require.NoError(s, w.Abort())
	})
}

// TestNodeThatLeavesTakesNoCopies: they would end with it.
func TestNodeThatLeavesTakesNoCopies(t *testing.T) {
	overSeveral(t, 2, nil, func(s *several) {
		a, b := s.nodes["a"], s.nodes["b"]
		require.NoError(s, writeFile(s.Context(), a, "/f", planned("1"), cachefs.CreateOptions{ReplicasMin: 1}))
		w, err := b.Create(s.Context(), "/m/x", nil)
		require.NoError(s, err)
		_, err = w.Write(planned("1"))
		require.NoError(s, err)
		release := make(chan struct{})
		s.store.OnCall(func(op, _ string) error {
			if op == "abort" {
				<-release // what b writes keeps it from leaving
			}
			return nil
		})
		left := make(chan error)
		go func() { left <- s.rig.Leave(context.Background(), "b") }()
		synctest.Wait()
		err = cachefs.AskHold(s.Context(), b, a, "/f", int64(len(planned("1"))))
		close(release)
		<-left
		require.ErrorIs(s, err, cachefs.ErrClosed)
	})
}
