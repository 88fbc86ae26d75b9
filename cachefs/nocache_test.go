package cachefs_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
)

// A sequential NoCache reader costs the store few requests, however small its reads, and each byte once; nothing of it
// is kept.
func TestNoCacheReadsFewRanges(t *testing.T) {
	const size = 10<<20 + 77
	want := content(1, size)
	for name, read := range map[string]func(f *cachefs.File) ([]byte, error){
		"Read of 1,000": func(f *cachefs.File) ([]byte, error) {
			var b bytes.Buffer
			_, err := io.CopyBuffer(struct{ io.Writer }{&b}, struct{ io.Reader }{f}, make([]byte, 1000))
			return b.Bytes(), err
		},
		"ReadAt of 5,000": func(f *cachefs.File) ([]byte, error) {
			var b bytes.Buffer
			_, err := io.CopyBuffer(struct{ io.Writer }{&b}, struct{ io.Reader }{io.NewSectionReader(f, 0, f.Size())}, make([]byte, 5000))
			return b.Bytes(), err
		},
		"WriteTo": func(f *cachefs.File) ([]byte, error) {
			var b pieces
			_, err := f.WriteTo(&b)
			require.LessOrEqual(t, b.largest, 1<<20, "bytes that WriteTo holds at once")
			return b.Bytes(), err
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := cachefstest.New(t, 1)
			putStore(t, c, "f", want)
			f, err := c.Node().Open(t.Context(), "/mem/f", &cachefs.OpenOptions{ReadType: cachefs.NoCache})
			require.NoError(t, err)
			defer f.Close()
			got, err := read(f)
			require.NoError(t, err)
			require.True(t, bytes.Equal(want, got))
			require.LessOrEqual(t, c.Store.Calls()["open"], 20, "requests for %d bytes", size)
			require.EqualValues(t, size, c.Node().Metrics().StoreBytes, "each byte once")
			for _, m := range c.Node().Metrics().Tiers.Tiers {
				require.Zero(t, m.Blocks, "kept in %v", m.Kind)
			}
		})
	}
}

// pieces notes how much it was written at once.
type pieces struct {
	bytes.Buffer
	largest int
}

func (p *pieces) Write(b []byte) (int, error) {
	p.largest = max(p.largest, len(b))
	return p.Buffer.Write(b)
}

// A random NoCache reader is brought what it asks for and no more; many at once get the right bytes.
func TestNoCacheRandomReaders(t *testing.T) {
	c := cachefstest.New(t, 1)
	want := content(2, 3<<20)
	putStore(t, c, "f", want)
	f, err := c.Node().Open(t.Context(), "/mem/f", &cachefs.OpenOptions{ReadType: cachefs.NoCache})
	require.NoError(t, err)
	defer f.Close()
	p := make([]byte, 100)
	for i := range 50 {
		off := int64(50-i) * 50_000
		_, err := f.ReadAt(p, off)
		require.NoError(t, err)
		require.Equal(t, want[off:][:100], p)
	}
	require.EqualValues(t, 50*100, c.Node().Metrics().StoreBytes)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			rng, p := rand.New(rand.NewPCG(uint64(g), 3)), make([]byte, 3000)
			off := int64(0)
			for i := range 200 {
				if i%5 == 0 {
					off = rng.Int64N(int64(len(want)) - 20_000)
				}
				n, err := f.ReadAt(p, off)
				require.NoError(t, err)
				require.True(t, bytes.Equal(want[off:][:n], p), "at %d", off)
				off += int64(n)
			}
		})
	}
	wg.Wait()
}

// Wait opens a file when its writer closes it, and not before; a writer that gives up ends the wait, too.
func TestOpenWaits(t *testing.T) {
	c := cachefstest.New(t, 1)
	n := c.Node()
	for _, path := range []string{"/f", "/mem/f"} {
		w, err := n.Create(t.Context(), path, nil)
		require.NoError(t, err)
		_, err = n.Open(t.Context(), path, nil)
		require.ErrorIs(t, err, cachefs.ErrIncomplete)
		require.ErrorContains(t, err, "Wait")
		opened := make(chan error, 1)
		var got []byte
		go func() {
			f, err := n.Open(t.Context(), path, &cachefs.OpenOptions{Wait: true})
			if err == nil {
				got, err = io.ReadAll(f)
				f.Close()
			}
			opened <- err
		}()
		_, err = w.Write([]byte("whole"))
		require.NoError(t, err)
		select {
		case err := <-opened:
			t.Fatal("opened before Close:", err)
		default:
		}
		require.NoError(t, w.Close())
		require.NoError(t, <-opened)
		require.Equal(t, "whole", string(got))

		w, err = n.Create(t.Context(), path+"2", nil)
		require.NoError(t, err)
		failed := make(chan error)
		go func() {
			_, err := n.Open(t.Context(), path+"2", &cachefs.OpenOptions{Wait: true})
			failed <- err
		}()
		require.NoError(t, w.Abort())
		require.ErrorIs(t, <-failed, cachefs.ErrNotExist)
	}
}
