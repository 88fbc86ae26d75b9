package cachefs_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/peer"
	"github.com/millpond/millpond/tier"
	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/memufs"
)

const meshBlock = 512 << 10

// readers are nodes over one store whose reads go through a FakeMesh.
type readers struct {
	t     *testing.T
	mesh  *cachefs.FakeMesh
	nodes []*cachefs.Node
	store *memufs.Store
	files map[string][]byte
}

func openReaders(t *testing.T, n int, configure ...func(i int, c *cachefs.Config)) *readers {
	t.Helper()
	return openReadersOver(t, memufs.New(nil), n, configure...)
}

func openReadersOver(t *testing.T, store *memufs.Store, n int, configure ...func(i int, c *cachefs.Config)) *readers {
	t.Helper()
	r := &readers{t: t, mesh: &cachefs.FakeMesh{}, store: store, files: map[string][]byte{}}
	for i := range n {
		c := r.config()
		for _, f := range configure {
			f(i, &c)
		}
		r.mesh.Join(r.open(c))
	}
	return r
}

func (r *readers) config() cachefs.Config {
	return cachefs.Config{
		Tiers: []tier.Config{{Kind: tier.Memory, Size: 64 << 20}}, BlockSize: meshBlock, Poison: true,
		Mounts: []cachefs.MountConfig{{Path: "/mem", Store: r.store.UFS()}},
	}
}

// open opens one more node.
func (r *readers) open(c cachefs.Config) *cachefs.Node {
	r.t.Helper()
	node, err := cachefs.Open(r.t.Context(), c)
	require.NoError(r.t, err)
	r.t.Cleanup(func() { require.NoError(r.t, node.Close()) })
	r.nodes = append(r.nodes, node)
	return node
}

// put makes a file in the store.
func (r *readers) put(name string, size int) []byte {
	p := make([]byte, size)
	rand.NewChaCha8([32]byte{byte(len(name)), name[0], byte(size)}).Read(p)
	w, err := r.store.UFS().Create(r.t.Context(), name, ufs.CreateOptions{})
	require.NoError(r.t, err)
	_, err = w.Write(p)
	require.NoError(r.t, err)
	_, err = w.Commit(r.t.Context())
	require.NoError(r.t, err)
	r.files[name] = p
	return p
}

// expect reads a file whole through node i; it may be called by any goroutine.
func (r *readers) expect(i int, name string, how cachefs.ReadType) {
	r.t.Helper()
	got, err := r.read(i, name, &cachefs.OpenOptions{ReadType: how})
	if err != nil || !bytes.Equal(got, r.files[name]) {
		r.t.Errorf("node %d: %s: %d bytes that are not the %d in the store: %v", i, name, len(got), len(r.files[name]), err)
	}
}

// ownedBy is how many bytes of a file node i owns.
func (r *readers) ownedBy(i int, name string) (n int) {
	info, err := r.nodes[i].Stat(r.t.Context(), "/mem/"+name, nil)
	require.NoError(r.t, err)
	for k := range (len(r.files[name]) + meshBlock - 1) / meshBlock {
		if r.mesh.Ring(peer.Key(tier.NewBlockID(info.FileID(), uint32(k))))[0] == r.nodes[i].ID() {
			n += min(meshBlock, len(r.files[name])-k*meshBlock)
		}
	}
	return n
}

// read reads a file whole through node i.
func (r *readers) read(i int, name string, o *cachefs.OpenOptions) ([]byte, error) {
	f, err := r.nodes[i].Open(r.t.Context(), "/mem/"+name, o)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

// sent is how many bytes the store sent in all.
func (r *readers) sent() (n uint64) {
	for _, node := range r.nodes {
		n += node.Metrics().StoreBytes
	}
	return n
}

// TestMeshReadsTheStoreOnce: nodes that read one data set cold, each with several readers, all get all bytes, and the store is asked for
// each byte once.
func TestMeshReadsTheStoreOnce(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		r := openReaders(t, 4)
		total := r.readAllEverywhere(2)
		require.EqualValues(t, total, r.sent(), "bytes that the store sent")
		for i := range r.nodes {
			m := r.nodes[i].Metrics()
			require.EqualValues(t, total, m.StoreBytes+m.PeerBytes, "node %d: what it brought is what it has", i)
			require.Zero(t, m.PeerFailures)
		}
		before := r.sent()
		for i := range r.nodes {
			r.expect(i, "f3", cachefs.CachePromote)
		}
		require.Equal(t, before, r.sent(), "they have it now")
	})
}

// readAllEverywhere lets several readers on each node read all of a data set at the same time, and returns its size.
func (r *readers) readAllEverywhere(readersOfEach int) (total int) {
	r.t.Helper()
	for i, size := range []int{1, 1000, meshBlock, 3*meshBlock + 77, 7 * meshBlock} {
		r.put(fmt.Sprint("f", i), size)
		total += size
	}
	var all sync.WaitGroup
	for i := range r.nodes {
		for k := range readersOfEach {
			all.Go(func() {
				for j := range len(r.files) {
					r.expect(i, fmt.Sprint("f", (j+k)%len(r.files)), cachefs.CachePromote)
				}
			})
		}
	}
	all.Wait()
	return total
}

// TestMeshRange: a small range far inside a cold block comes at once, from whoever owns it, and the store is asked for it once.
func TestMeshRange(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		r := openReaders(t, 3)
		want := r.put("f", 4*meshBlock)
		for i := range r.nodes {
			f, err := r.nodes[i].Open(t.Context(), "/mem/f", nil)
			require.NoError(t, err)
			for k := range 4 {
				p := make([]byte, 100_000)
				off := k*meshBlock + 300_000
				n, err := f.ReadAt(p, int64(off))
				require.NoError(t, err)
				require.Equal(t, len(p), n)
				require.True(t, bytes.Equal(want[off:off+len(p)], p))
			}
			require.NoError(t, f.Close())
		}
		time.Sleep(time.Second) // what is behind comes in
		require.EqualValues(t, len(want), r.sent())
	})
}

// TestMeshOwnerInTrouble: whatever the peers do that should send, readers get right bytes, and soon; the store is asked by one more node
// at most, as long as only one node is in trouble.
func TestMeshOwnerInTrouble(t *testing.T) {
	for name, trouble := range map[string]cachefs.Fake{
		"dead": {Reading: func(_ context.Context, _, _ string, _ *peer.BlockRequest) error { return peer.ErrUnreachable }},
		"stopped": {Reading: func(ctx context.Context, _, _ string, _ *peer.BlockRequest) error {
			<-ctx.Done()
			return context.Cause(ctx)
		}},
		"refuses":           {Reading: func(_ context.Context, _, _ string, _ *peer.BlockRequest) error { return &peer.RemoteError{Text: "no"} }},
		"sends other bytes": {Bytes: func(_, _ string, p []byte) { p[len(p)/2] ^= 1 }},
	} {
		t.Run(name, func(t *testing.T) {
			bubbletest.Test(t, func(t *testing.T) {
				r := openReaders(t, 4)
				bad := r.nodes[1].ID()
				r.mesh.Set(only(bad, trouble))
				began := time.Now()
				const files, size = 40, 64 << 10
				for i := range files {
					r.put(fmt.Sprint("f", i), size)
				}
				for i := range r.nodes {
					if i == 1 {
						continue
					}
					for k := range files {
						r.expect(i, fmt.Sprint("f", k), cachefs.CachePromote)
					}
				}
				require.Less(t, time.Since(began), 10*time.Second)
				require.LessOrEqual(t, r.sent(), uint64(2*files*size))
				failures := uint64(0)
				for _, n := range r.nodes {
					failures += n.Metrics().PeerFailures
				}
				require.Equal(t, name != "refuses", failures > 0)
			})
		})
	}
}

// only makes one node behave badly.
func only(bad string, f cachefs.Fake) (one cachefs.Fake) {
	if f.Reading != nil {
		one.Reading = func(ctx context.Context, from, to string, r *peer.BlockRequest) error {
			if to == bad {
				return f.Reading(ctx, from, to, r)
			}
			return nil
		}
	}
	if f.Bytes != nil {
		one.Bytes = func(from, to string, p []byte) {
			if to == bad {
				f.Bytes(from, to, p)
			}
		}
	}
	return one
}

// TestMeshSlowStore: an owner that waits for its store is waited for, however long that takes; nobody asks the store as well.
func TestMeshSlowStore(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		r := openReadersOver(t, memufs.New(&memufs.Options{Latency: 7 * time.Second}), 3)
		total := r.readAllEverywhere(1)
		require.EqualValues(t, total, r.sent())
	})
}

// TestMeshWithoutAccess: nodes whose process cannot open the store have it brought by the one that can.
func TestMeshWithoutAccess(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		var configs []cachefs.Config
		r := openReaders(t, 4, func(_ int, c *cachefs.Config) {
			c.Dir, c.FS = "/millpond", vfs.NewMem()
			configs = append(configs, *c)
		})
		total := 0
		for k := range 8 {
			total += len(r.put(fmt.Sprint("f", k), meshBlock+k))
		}
		for i := 1; i < len(r.nodes); i++ { // the journal has the mount and the files; the store is not handed over again
			for name := range r.files {
				_, err := r.nodes[i].Stat(t.Context(), "/mem/"+name, nil)
				require.NoError(t, err)
			}
			require.NoError(t, r.nodes[i].Close())
			configs[i].Mounts = nil
			node, err := cachefs.Open(t.Context(), configs[i])
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, node.Close()) })
			r.nodes[i] = node
			r.mesh.Join(node)
		}
		for i := range r.nodes {
			for name := range r.files {
				r.expect(len(r.nodes)-1-i, name, cachefs.CachePromote)
			}
		}
		require.EqualValues(t, total, r.sent())
		require.EqualValues(t, total, r.nodes[0].Metrics().StoreBytes)
	})
}

// TestMeshJoin: the ring changes while nodes read, and not for all at the same time. The store is asked once: the new owner asks
// the one before, who is asked by those who do not know of the change.
func TestMeshJoin(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		r := openReadersOver(t, memufs.New(&memufs.Options{Latency: 50 * time.Millisecond}), 4)
		joined := r.nodes[3].ID()
		knows := func(self string) bool { return self == joined || self == r.nodes[0].ID() || self == r.nodes[1].ID() }
		r.mesh.Set(cachefs.Fake{
			Owners: func(self string, key peer.Key) []string {
				ids := r.mesh.Ring(key)
				if !knows(self) {
					ids = slices.DeleteFunc(ids, func(id string) bool { return id == joined })
				}
				return ids
			},
			Previous: func(self string, key peer.Key) (string, bool) {
				ids := r.mesh.Ring(key)
				return ids[1], knows(self) && ids[0] == joined
			},
		})
		total := r.readAllEverywhere(2)
		require.EqualValues(t, total, r.sent())
		for _, i := range []int{0, 2} { // who knows of the change, and who does not
			for k := range 30 {
				name := fmt.Sprint("later", k)
				if i == 0 {
					total += len(r.put(name, 10_000))
				}
				r.expect(i, name, cachefs.CachePromote)
			}
		}
		require.EqualValues(t, total, r.sent())
	})
}

// TestMeshBeforeThatNeverWas: whom the owner takes for the one before it brings nothing for it, if that was never the owner; but has the
// owner take part in what it brings already.
func TestMeshBeforeThatNeverWas(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		r := openReadersOver(t, memufs.New(&memufs.Options{Latency: 50 * time.Millisecond}), 2)
		owner, other := r.nodes[0], r.nodes[1]
		r.mesh.Set(cachefs.Fake{
			Owners:   func(string, peer.Key) []string { return []string{owner.ID(), other.ID()} },
			Previous: func(self string, _ peer.Key) (string, bool) { return other.ID(), self == owner.ID() },
			Owned:    func(self string, _ peer.Key) bool { return self == owner.ID() },
		})
		total := len(r.put("f", 3*meshBlock))
		r.expect(0, "f", cachefs.CachePromote)
		require.EqualValues(t, total, owner.Metrics().StoreBytes)
		require.Zero(t, other.Metrics().StoreBytes)

		r.mesh.Set(cachefs.Fake{ // the other does not know of the owner yet
			Owners:   func(self string, _ peer.Key) []string { return []string{self} },
			Previous: func(self string, _ peer.Key) (string, bool) { return other.ID(), self == owner.ID() },
			Owned:    func(self string, _ peer.Key) bool { return self == owner.ID() },
		})
		more := len(r.put("g", meshBlock)) // of several, whoever goes on sooner at one moment would be the first to ask for the next
		var both sync.WaitGroup
		for i := range 2 {
			both.Go(func() { r.expect(1-i, "g", cachefs.CachePromote) })
			time.Sleep(10 * time.Millisecond)
		}
		both.Wait()
		require.EqualValues(t, total+more, r.sent())
		require.EqualValues(t, more, other.Metrics().StoreBytes)
	})
}

// TestMeshEachTakesAnotherForTheOwner: nodes whose rings differ wait for each other. Two notice at once; more are patient for a moment.
func TestMeshEachTakesAnotherForTheOwner(t *testing.T) {
	for n, patience := range map[int]time.Duration{2: 0, 3: 20 * time.Second} {
		bubbletest.Test(t, func(t *testing.T) {
			r := openReaders(t, n)
			r.mesh.Set(cachefs.Fake{Owners: func(self string, key peer.Key) []string {
				for i, node := range r.nodes {
					if node.ID() == self {
						return []string{r.nodes[(i+1)%n].ID(), self}
					}
				}
				return nil
			}})
			began := time.Now()
			total := r.readAllEverywhere(2)
			require.LessOrEqual(t, time.Since(began), patience, "%d nodes", n)
			require.LessOrEqual(t, r.sent(), uint64(n*total), "%d nodes", n) // each asks once at most
		})
	}
}

// TestMeshNoCache keeps nothing anywhere, but takes what a peer has.
func TestMeshNoCache(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		r := openReaders(t, 3)
		r.put("f", 3*meshBlock)
		r.expect(0, "f", cachefs.NoCache)
		for i, n := range r.nodes {
			require.Empty(t, cachefs.Blocks(n), "node %d", i)
		}
		for i := range r.nodes {
			r.expect(i, "f", cachefs.CachePromote)
		}
		require.NoError(t, r.nodes[0].Free(t.Context(), "/mem/f", nil))
		before := r.sent()
		r.expect(0, "f", cachefs.NoCache)
		require.Empty(t, cachefs.Blocks(r.nodes[0]))
		require.EqualValues(t, before+uint64(r.ownedBy(0, "f")), r.sent(), "what this node owns, no peer is asked for")
	})
}
