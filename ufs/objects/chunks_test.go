package objects_test

import (
	"bytes"
	"context"
	"errors"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/objects"
)

// random is bytes of which no two stretches are alike.
func random(seed uint64, n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	r.Read(b)
	return b
}

func nothingHeld(t *testing.T, p *objects.Parts) {
	t.Helper()
	memory, inFile := p.Held()
	require.Zero(t, memory, "bytes of memory are held")
	require.Zero(t, inFile, "chunks are held")
	require.Nil(t, p.File())
}

// TestOpenUploadsStayWithinTheBound: uploads that are open at the same time are bounded in memory, and none waits for another.
func TestOpenUploadsStayWithinTheBound(t *testing.T) {
	const uploads, part, bound = 40, 3 << 20, 4 << 20
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	bubbletest.Test(t, func(t *testing.T) {
		p := objects.NewParts(part, bound)
		var us [uploads]objects.Upload
		var ss [uploads]*sink
		var data [uploads][]byte
		for i := range us {
			ss[i] = &sink{parts: map[int][]byte{}}
			us[i] = p.Upload(t.Context(), ss[i], 0)
			data[i] = random(uint64(i), part-10*i)
		}
		for off := 0; off < part; off += 100_000 { // in turns
			for i, u := range us {
				_, err := u.Write(data[i][min(off, len(data[i])):min(off+100_000, len(data[i]))])
				require.NoError(t, err)
			}
		}
		memory, inFile := p.Held()
		require.LessOrEqual(t, memory, int64(2*bound))
		require.Greater(t, memory, int64(bound))
		require.Greater(t, inFile, uploads)
		names, err := filepath.Glob(filepath.Join(dir, "*"))
		require.NoError(t, err)
		require.Empty(t, names, "a process that is killed leaves a file")
		for i, u := range us {
			_, err := u.Commit(t.Context())
			require.NoError(t, err)
			require.True(t, bytes.Equal(data[i], ss[i].whole))
		}
		nothingHeld(t, p)
	})
}

// TestWritesOfAnySize: what is sent is what was written or lent, wherever it lay meanwhile.
func TestWritesOfAnySize(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		for seed := range uint64(60) {
			rng := rand.New(rand.NewPCG(seed, 0))
			p := objects.NewParts(1+rng.Int64N(2<<20), rng.Int64N(3<<20))
			s := &sink{parts: map[int][]byte{}}
			data := random(seed, rng.IntN(6<<20))
			total := int64(0)
			if seed%3 == 0 {
				total = int64(len(data))
			}
			u := p.Upload(t.Context(), s, total)
			for off := 0; off < len(data); {
				n := min(len(data)-off, 1+rng.IntN(1<<(4+rng.IntN(17))))
				var err error
				if rng.IntN(4) == 0 {
					_, err = u.(driver.Lender).WriteLent(data[off:off+n], func() {})
				} else {
					_, err = u.Write(data[off : off+n])
				}
				require.NoError(t, err)
				off += n
			}
			if rng.IntN(5) == 0 {
				require.NoError(t, u.Abort(t.Context()))
				nothingHeld(t, p)
				continue
			}
			_, err := u.Commit(t.Context())
			require.NoError(t, err)
			require.True(t, bytes.Equal(data, append(s.bytes(len(s.parts)), s.whole...)), "seed %d", seed)
			nothingHeld(t, p)
		}
	})
}

// reading is a Multipart that fails as its body does.
type reading struct {
	sink
	read []byte
}

func (r *reading) Whole(_ context.Context, b *objects.Body) (o objects.Object, err error) {
	r.read, err = io.ReadAll(b.Reader())
	return o, err
}

// TestSpoiltTemporaryFile: bytes that have changed on the disk are not sent.
func TestSpoiltTemporaryFile(t *testing.T) {
	p := objects.NewParts(1<<20, 0)
	s := &reading{}
	u := p.Upload(t.Context(), s, 0)
	_, err := u.Write(pattern(1 << 19))
	require.NoError(t, err)
	_, err = p.File().WriteAt([]byte{99}, 100_000)
	require.NoError(t, err)
	_, err = u.Commit(t.Context())
	require.ErrorContains(t, err, "does not have the bytes")
	require.Equal(t, pattern(64<<10), s.read, "all before is right")
	nothingHeld(t, p)
}

// TestNoTemporaryFile: who could not be kept is told what would do, and others go on.
func TestNoTemporaryFile(t *testing.T) {
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "none"))
	p := objects.NewParts(1<<20, 1<<20)
	s := &sink{}
	first, second := p.Upload(t.Context(), s, 2<<20), p.Upload(t.Context(), s, 1<<20)
	_, err := first.Write(pattern(1 << 20))
	require.NoError(t, err)
	third := p.Upload(t.Context(), s, 1<<20)
	_, err = third.Write(pattern(1 << 20))
	require.NoError(t, err)
	_, err = second.Write(pattern(1 << 20))
	require.ErrorContains(t, err, "InFlight")
	local, ok := errors.AsType[*driver.LocalError](err)
	require.True(t, ok, "%v", err)
	require.ErrorIs(t, local.Err, os.ErrNotExist)
	require.NotErrorIs(t, err, os.ErrNotExist, "the file's directory is there")
	require.NoError(t, second.Abort(t.Context()))
	require.NoError(t, third.Abort(t.Context()))
	_, err = first.Commit(t.Context())
	require.NoError(t, err)
	require.Equal(t, pattern(1<<20), s.whole)
	nothingHeld(t, p)
}

// TestWriteThatFailedInTheMiddle: a part that has some of a Write's bytes is not published, and gets no more.
func TestWriteThatFailedInTheMiddle(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "later")
	t.Setenv("TMPDIR", dir)
	p := objects.NewParts(4<<20, 1<<19)
	s := &sink{}
	u := p.Upload(t.Context(), s, 4<<20)
	_, err := u.Write(pattern(3 << 20)) // of which memory takes 1 MiB
	require.ErrorContains(t, err, dir)
	require.NoError(t, os.Mkdir(dir, 0o700))
	_, err = u.Write(pattern(3 << 20))
	require.ErrorContains(t, err, dir)
	_, err = u.Commit(t.Context())
	require.ErrorContains(t, err, dir)
	require.Nil(t, s.whole)
	nothingHeld(t, p)
}

// summing is a Multipart whose disk fails once, while the sum is made.
type summing struct {
	reading
	spoil, mend func()
}

func (s *summing) Whole(ctx context.Context, b *objects.Body) (objects.Object, error) {
	s.spoil()
	b.Sum(crc32.NewIEEE())
	s.mend()
	return s.reading.Whole(ctx, b)
}

// TestSumOfFewerBytes goes with no bytes: the store would say that they were spoilt on their way.
func TestSumOfFewerBytes(t *testing.T) {
	p := objects.NewParts(1<<20, 0)
	s := &summing{}
	u := p.Upload(t.Context(), s, 0)
	_, err := u.Write(pattern(1 << 19))
	require.NoError(t, err)
	set := func(b byte) func() {
		return func() {
			_, err := p.File().WriteAt([]byte{b}, 100_000)
			require.NoError(t, err)
		}
	}
	s.spoil, s.mend = set(pattern(100_001)[100_000]+1), set(pattern(100_001)[100_000])
	_, err = u.Commit(t.Context())
	require.ErrorContains(t, err, "does not have the bytes")
	require.Empty(t, s.read)
	nothingHeld(t, p)
}

// TestBodyReadAnywhere: a Reader that seeks back and forth, over pieces in memory and in the file.
func TestBodyReadAnywhere(t *testing.T) {
	p := objects.NewParts(6<<20, 1<<20)
	data := random(1, 5<<20+12_345)
	s := &seeking{t: t, want: data}
	u := p.Upload(t.Context(), s, 0)
	for off := 0; off < len(data); off += 70_000 {
		_, err := u.Write(data[off:min(off+70_000, len(data))])
		require.NoError(t, err)
	}
	_, err := u.Commit(t.Context())
	require.NoError(t, err)
	nothingHeld(t, p)
}

type seeking struct {
	sink
	t    *testing.T
	want []byte
}

func (s *seeking) Whole(_ context.Context, b *objects.Body) (o objects.Object, err error) {
	rng, r := rand.New(rand.NewPCG(1, 1)), b.Reader()
	for range 300 {
		off := rng.IntN(len(s.want) + 1)
		_, err := r.Seek(int64(off), io.SeekStart)
		require.NoError(s.t, err)
		got := make([]byte, min(1+rng.IntN(200_000), len(s.want)-off))
		_, err = io.ReadFull(r, got)
		require.NoError(s.t, err)
		require.True(s.t, bytes.Equal(s.want[off:off+len(got)], got), "at %d", off)
	}
	return o, nil
}

// lingering is a store that gives up on parts, and a client that goes on reading them.
type lingering struct {
	sink
	clients sync.WaitGroup
	want    []byte
	wrong   atomic.Int32
}

func (s *lingering) Part(_ context.Context, n int, b *objects.Body) error {
	s.clients.Go(func() {
		got, err := io.ReadAll(b.Reader()) // until the request is over
		_, local := errors.AsType[*driver.LocalError](err)
		if off := (n - 1) << 20; local || !bytes.Equal(s.want[off:off+len(got)], got) {
			s.wrong.Add(1)
		}
	})
	if n == 2 {
		return driver.ErrPermission
	}
	return nil
}

// TestUploadsAtTheSameTime: clients that read on see no other upload's bytes, while the temporary file comes and goes.
func TestUploadsAtTheSameTime(t *testing.T) {
	p := objects.NewParts(1<<20, 1<<19)
	var uploads sync.WaitGroup
	for i := range uint64(4) {
		uploads.Go(func() {
			want := random(i, 3<<20)
			for range 20 {
				s := &lingering{want: want}
				u := p.Upload(t.Context(), s, 0)
				var err error
				for off := 0; off < len(want) && err == nil; off += 100_000 {
					_, err = u.Write(want[off:min(off+100_000, len(want))])
				}
				if err != nil {
					assert.ErrorIs(t, err, driver.ErrPermission)
				}
				if i%2 == 0 {
					_, err = u.Commit(t.Context())
					assert.ErrorIs(t, err, driver.ErrPermission)
				} else {
					assert.NoError(t, u.Abort(t.Context()))
				}
				s.clients.Wait()
				assert.Zero(t, s.wrong.Load())
			}
		})
	}
	uploads.Wait()
	nothingHeld(t, p)
}

// TestFileAnew: a temporary file has no places of the one before it.
func TestFileAnew(t *testing.T) {
	p := objects.NewParts(8<<20, 0)
	for size := 1 << 20; size <= 4<<20; size <<= 1 {
		s, data := &sink{}, random(uint64(size>>20), size)
		u := p.Upload(t.Context(), s, int64(size))
		_, err := u.Write(data)
		require.NoError(t, err)
		_, err = u.Commit(t.Context())
		require.NoError(t, err)
		require.True(t, bytes.Equal(data, s.whole))
		nothingHeld(t, p)
	}
}
