package link_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/piece"
	"github.com/millpond/millpond/peer/internal/link"
)

// crumbs is a connection that reads less than it could, at random: frames and pieces begin and end anywhere within what comes at a time.
type crumbs struct {
	net.Conn
	rng *rand.Rand // its reader's
}

func (c *crumbs) Read(p []byte) (int, error) {
	most := 1 << c.rng.IntN(20)
	return c.Conn.Read(p[:min(len(p), 1+c.rng.IntN(most))])
}

func dialCrumbs(c *link.Config) {
	var dialed atomic.Uint64
	c.Dial = func(ctx context.Context, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
		return &crumbs{conn, rand.New(rand.NewPCG(dialed.Add(1), 1))}, err
	}
}

// parts splits b at random; some parts are empty.
func parts(rng *rand.Rand, b []byte) [][]byte {
	var all [][]byte
	for len(b) > 0 {
		n := rng.IntN(min(len(b), 1<<rng.IntN(20)) + 1)
		all, b = append(all, b[:n]), b[n:]
	}
	return append(all, nil)
}

// servings are the ways in which a block leaves a node, by the first byte of its key: 0 lends it, 1 lends it with its sums, 2 sends a file,
// and else it is written in parts of any length.
func servings(t *testing.T, block []byte) func(context.Context, string, *link.BlockRequest, *link.BlockWriter) error {
	path := filepath.Join(t.TempDir(), "block")
	require.NoError(t, os.WriteFile(path, block, 0o600))
	f, err := os.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	sums := sumsOf(block)
	return func(_ context.Context, _ string, r *link.BlockRequest, w *link.BlockWriter) error {
		b := block[r.Off : r.Off+r.Length]
		switch r.Key[0] {
		case 0:
			return w.Lend(b, nil)
		case 1:
			return w.LendSummed(b, sums[r.Off>>16:][:(r.Length+1<<16-1)>>16], nil)
		case 2:
			return w.SendFile(f, r.Off, r.Length, sums[r.Off>>16:][:(r.Length+1<<16-1)>>16])
		}
		rng := rand.New(rand.NewPCG(uint64(r.Off), uint64(r.Length)))
		for len(b) > 0 {
			n := 1 + rng.IntN(min(len(b), 300<<10))
			if _, err := w.Write(b[:n]); err != nil {
				return err
			}
			b = b[n:]
		}
		return nil
	}
}

// anyRead is a range of a block of size bytes in one of the servings; those with kept sums are of whole pieces.
func anyRead(rng *rand.Rand, size int) link.BlockRequest {
	r := link.BlockRequest{Key: link.Key{byte(rng.IntN(4))}}
	off, end := rng.IntN(size), size
	if r.Key[0] == 1 || r.Key[0] == 2 {
		off &^= 1<<16 - 1
		end = min(size, off+(1+rng.IntN(40))<<16)
	} else {
		end = off + 1 + rng.IntN(size-off)
	}
	r.Off, r.Length = int64(off), int64(end-off)
	return r
}

var securities = map[string]func(*link.Config){"plain": plain, "encrypted": both(secrets("s"), encrypt)}

// Bytes come at a time as they will, into a place of many parts: each is in its place, each piece is told of, each sum is its piece's.
func TestBytesThatComeAnyhow(t *testing.T) {
	for name, set := range securities {
		t.Run(name, func(t *testing.T) {
			m := newMesh(t)
			a := m.add("a", &handler{}, both(set, dialCrumbs))
			block := random(3<<20 + 999)
			m.add("b", &handler{block: servings(t, block)}, set)
			rng := rand.New(rand.NewPCG(3, 4))
			for range 60 {
				r := anyRead(rng, len(block))
				off, n := int(r.Off), int(r.Length)
				r.Sums = make([]uint64, (off+n-1)>>16-off>>16+1)
				dst := make([]byte, n)
				told := int64(0)
				_, err := a.ReadBlock(t.Context(), "b", r, parts(rng, dst), func(now int64) {
					if now <= told || !bytes.Equal(dst[told:now], block[off+int(told):off+int(now)]) {
						t.Errorf("%+v: told of %d after %d, which are not there", r, now, told)
					}
					told = now
				})
				require.NoError(t, err)
				require.Equal(t, r.Length, told)
				require.True(t, bytes.Equal(block[off:off+n], dst), "%+v", r)
				for i, got := range r.Sums {
					from := (off>>16 + i) << 16
					want := piece.Sum(block[max(off, from):min(off+n, from+1<<16)])
					if r.Key[0] < 3 || got != 0 {
						require.Equal(t, want, got, "%+v: piece %d", r, i)
					}
				}
			}
		})
	}
}

// A changed byte is found wherever it stands, before its piece is told of, and costs nobody else anything.
func TestChangedByteThatComesAnyhow(t *testing.T) {
	m := newMesh(t)
	var here recorder
	a := m.add("a", &handler{}, both(dialCrumbs, here.set))
	block := random(1<<20 + 77)
	m.add("b", &handler{block: lend(block)}, nil)
	rng := rand.New(rand.NewPCG(5, 6))
	var first, flip int // offsets in the block
	m.liar(nil, func(conn net.Conn, id uint64) {
		say := block[first:]
		if flip >= 0 {
			say = changed(say, flip-first)
		}
		var sums []uint64
		for at := first; at < len(block); at = at&^(1<<16-1) + 1<<16 {
			sums = append(sums, piece.Sum(block[at:min(len(block), at&^(1<<16-1)+1<<16)]))
		}
		conn.Write(link.DataFrame(id, 0, sums, say))
		conn.Write(link.EndFrame(id, int64(len(say)), nil))
	})
	for range 20 {
		first = rng.IntN(len(block))
		for _, flip = range []int{first + rng.IntN(len(block)-first), -1} {
			dst := make([]byte, len(block)-first)
			told := int64(0)
			r := link.BlockRequest{Off: int64(first), Length: int64(len(dst))}
			_, err := a.ReadBlock(t.Context(), "b", r, parts(rng, dst), func(now int64) { told = now })
			if flip < 0 {
				require.NoError(t, err)
				require.True(t, bytes.Equal(block[first:], dst))
				continue
			}
			require.ErrorIs(t, err, link.ErrChecksum)
			require.EqualValues(t, max(0, flip&^(1<<16-1)-first), told)
		}
	}
	require.Zero(t, here.connections()[1], "a connection has ended")
}

// Readers that give up at any time, beside others that do not and connections that end: who is told that all went well has the right bytes,
// and nobody's place is written to once he has it back (the race detector sees that).
func TestReadersThatGiveUp(t *testing.T) {
	for name, set := range securities {
		t.Run(name, func(t *testing.T) {
			m := newMesh(t)
			a := m.add("a", &handler{}, set)
			block := random(3<<20 + 999)
			m.add("b", &handler{block: servings(t, block)}, set)
			var read, gaveUp, lost atomic.Int64
			var wg sync.WaitGroup
			for g := range 6 {
				wg.Go(func() {
					rng := rand.New(rand.NewPCG(uint64(g), 7))
					place := make([]byte, len(block))
					for i := range 30 {
						err := giveUp(t, a, rng, block, place)
						switch {
						case err == nil:
							read.Add(1)
						case errors.Is(err, context.Canceled):
							gaveUp.Add(1)
						case errors.Is(err, link.ErrUnreachable):
							lost.Add(1)
						default:
							t.Error(err)
						}
						if g == 0 && i%10 == 9 {
							a.Forget("b")
						}
					}
				})
			}
			wg.Wait()
			what := fmt.Sprintf("read %d, gave up %d, lost %d", read.Load(), gaveUp.Load(), lost.Load())
			require.Positive(t, read.Load(), what)
			require.Positive(t, gaveUp.Load(), what)
		})
	}
}

// giveUp reads any range, and gives it up, one time in two, when some of it has come.
func giveUp(t *testing.T, a *link.Endpoint, rng *rand.Rand, block, place []byte) error {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r := anyRead(rng, len(block))
	after := r.Length + 1
	if rng.IntN(2) == 0 {
		after = rng.Int64N(r.Length)
	}
	dst := place[:r.Length]
	_, err := a.ReadBlock(ctx, "b", r, parts(rng, dst), func(now int64) {
		if now >= after {
			cancel()
		}
	})
	if err == nil && !bytes.Equal(dst, block[r.Off:r.Off+r.Length]) {
		t.Errorf("%+v: wrong bytes", r)
	}
	clear(dst)
	return err
}
