package cachefs_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/racetest"
	"github.com/millpond/millpond/ufs/memufs"
)

const midstSize = 6 * (64 << 10)

// midst is three nodes whose blocks go over slow links, and readers of all kinds that are in the midst of those.
type midst struct {
	c       *cachefstest.Cluster
	reading sync.WaitGroup
	ctx     context.Context
	keys    []string
}

// begin has a node, and a Client that asks it, read a file each in every way; warm: each block's owner has it. When it returns some bytes
// have come, and most readers wait for more. What one got is given to end, with how long that took.
func begin(t *testing.T, warm bool, end func(way string, got, want []byte, took time.Duration, err error)) *midst {
	m := &midst{c: cachefstest.New(t, 3, func(c *cachefs.Config) { c.BlockSize = 64 << 10 })}
	var cancel context.CancelFunc
	m.ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	client := m.c.Client()
	type reader struct {
		way  string
		n    cachefs.FileSystem
		how  cachefs.ReadType
		read func(*cachefs.File) ([]byte, error)
	}
	var readers []reader
	for way, read := range waysToRead {
		readers = append(readers, reader{way, m.c.Nodes[0], cachefs.CachePromote, read}, reader{way + ", NoCache", m.c.Nodes[0], cachefs.NoCache, read},
			reader{way + ", Client", client, cachefs.CachePromote, read})
	}
	files := make([]*cachefs.File, len(readers))
	wants := make([][]byte, len(readers))
	for i, r := range readers {
		name := fmt.Sprint("f", i)
		wants[i] = content(uint32(i), midstSize)
		putStore(t, m.c, name, wants[i])
		m.keys = append(m.keys, name)
		var err error
		files[i], err = r.n.Open(m.ctx, "/mem/"+name, &cachefs.OpenOptions{ReadType: r.how})
		require.NoError(t, err)
	}
	if warm {
		j, err := m.c.Nodes[0].Load(m.ctx, "/mem", nil) // on the owners
		require.NoError(t, err)
		require.NoError(t, j.Wait(m.ctx))
	}
	m.c.SetLinks(cachefstest.Link{Latency: 10 * time.Millisecond, Rate: 1 << 20})
	var ended atomic.Int32
	before := m.c.Nodes[0].Metrics().PeerBytes
	for i, r := range readers {
		m.reading.Go(func() {
			began := time.Now()
			got, err := r.read(files[i])
			end(r.way, got, wants[i], time.Since(began), err)
			ended.Add(1)
			files[i].Close()
		})
	}
	time.Sleep(200 * time.Millisecond)
	require.Greater(t, m.c.Nodes[0].Metrics().PeerBytes, before)
	require.Less(t, int(ended.Load()), len(readers)/2)
	return m
}

// TestOwnerGoesInTheMidst of reads: they go on elsewhere, whichever way they read, and soon.
func TestOwnerGoesInTheMidst(t *testing.T) {
	for name, trouble := range map[string]func(c *cachefstest.Cluster){
		"is killed": func(c *cachefstest.Cluster) { c.Kill(1) },
		"crashes":   func(c *cachefstest.Cluster) { c.Crash(1) },
		"evicts":    func(c *cachefstest.Cluster) { cachefs.DropAll(c.Nodes[1]) },
		"leaves":    func(c *cachefstest.Cluster) { c.Stop(1) },
	} {
		if racetest.On && (name == "crashes" || name == "leaves") { // it is slow there
			continue
		}
		t.Run(name, func(t *testing.T) {
			bubbletest.Test(t, func(t *testing.T) {
				m := begin(t, true, func(way string, got, want []byte, took time.Duration, err error) {
					if wrong := same(got, want, 0); err != nil || wrong != nil || took > 20*time.Second {
						t.Errorf("%s: %d bytes after %v: %v, %v", way, len(got), took, err, wrong)
					}
				})
				trouble(m.c)
				m.reading.Wait()
			})
		})
	}
}

// TestStoreChangesInTheMidst of reads: they have the version that they opened, or a beginning of it and ErrChanged.
func TestStoreChangesInTheMidst(t *testing.T) {
	for name, change := range map[string]func(s *memufs.Store, key string){
		"overwritten": func(s *memufs.Store, key string) { s.Put(key, content(99, midstSize)) },
		"removed":     func(s *memufs.Store, key string) { _ = s.Delete(context.Background(), key) },
	} {
		t.Run(name, func(t *testing.T) {
			bubbletest.Test(t, func(t *testing.T) {
				var changed atomic.Int32
				m := begin(t, false, func(way string, got, want []byte, took time.Duration, err error) {
					if errors.Is(err, cachefs.ErrChanged) {
						changed.Add(1)
						err, want = nil, want[:min(len(got), len(want))]
					}
					if wrong := same(got, want, 0); err != nil || wrong != nil || took > 20*time.Second {
						t.Errorf("%s: %d bytes after %v: %v, %v", way, len(got), took, err, wrong)
					}
				})
				for _, key := range m.keys {
					change(m.c.Store, key)
				}
				m.reading.Wait()
				require.NotZero(t, changed.Load())
			})
		})
	}
}

// TestReaderClosesInTheMidst of its reads: they end soon, with a beginning of the bytes, and a Client goes on at another node.
func TestReaderClosesInTheMidst(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		m := begin(t, true, func(way string, got, want []byte, took time.Duration, err error) {
			if errors.Is(err, cachefs.ErrClosed) && !strings.HasSuffix(way, "Client") {
				err, want = nil, want[:min(len(got), len(want))]
			}
			if wrong := same(got, want, 0); err != nil || wrong != nil || took > 20*time.Second {
				t.Errorf("%s: %d bytes after %v: %v, %v", way, len(got), took, err, wrong)
			}
		})
		began := time.Now()
		m.c.Stop(0)
		require.Less(t, time.Since(began), 5*time.Second)
		m.reading.Wait()
	})
}
