package objects_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/millpond/millpond/internal/bubbletest"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/objects"
	"github.com/stretchr/testify/require"
)

// sink is a Multipart that remembers, and takes a second for each part.
type sink struct {
	mu           sync.Mutex
	whole        []byte
	refuse       error // Whole and Finish, once
	dropping     error // Drop, always
	parts        map[int][]byte
	flying, most int64
	begun, done  int
	dropped      int
	fail         func(n int) error
	finish       error
}

func (s *sink) Whole(_ context.Context, b *objects.Body) (objects.Object, error) {
	if err := s.refused(); err != nil {
		return objects.Object{}, err
	}
	s.whole = content(b)
	return objects.Object{}, nil
}

// content reads a body as a client would.
func content(b *objects.Body) []byte {
	p, err := io.ReadAll(b.Reader())
	if err != nil {
		panic(err) // the request is not over
	}
	return p
}

func (s *sink) refused() error {
	err := s.refuse
	s.refuse = nil
	return err
}
func (s *sink) Begin(context.Context) error { s.begun++; return nil }
func (s *sink) Part(ctx context.Context, n int, b *objects.Body) error {
	s.mu.Lock()
	s.flying += b.Len()
	s.most = max(s.most, s.flying)
	s.mu.Unlock()
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flying -= b.Len()
	if s.fail != nil {
		if err := s.fail(n); err != nil {
			return err
		}
	}
	s.parts[n] = content(b)
	return ctx.Err()
}
func (s *sink) Finish(context.Context, int) (objects.Object, error) {
	if err := s.refused(); err != nil {
		return objects.Object{}, err
	}
	s.done++
	return objects.Object{}, s.finish
}
func (s *sink) Drop(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropped++
	s.parts = map[int][]byte{}
	return s.dropping
}

func (s *sink) bytes(n int) (all []byte) {
	for i := range n {
		all = append(all, s.parts[i+1]...)
	}
	return all
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7)
	}
	return b
}

func TestPartsHoldFiveTiB(t *testing.T) {
	p := objects.NewParts(8<<20, 1)
	var sum int64
	for n := 1; n <= 10_000; n++ {
		sum += p.PartSize(n, 0)
	}
	require.GreaterOrEqual(t, sum, int64(5<<40))
	require.GreaterOrEqual(t, p.PartSize(1, 5<<40)*10_000, int64(5<<40))
	require.EqualValues(t, 8<<20, p.PartSize(1, 1))
}

func TestOnePartIsOneRequest(t *testing.T) {
	for _, n := range []int{0, 5, 10} {
		s := &sink{parts: map[int][]byte{}}
		u := objects.NewParts(10, 100).Upload(t.Context(), s, 0)
		_, err := u.Write(pattern(n))
		require.NoError(t, err)
		_, err = u.Commit(t.Context())
		require.NoError(t, err)
		require.Equal(t, string(pattern(n)), string(s.whole))
		require.Zero(t, s.begun)
	}
}

func TestPartsInFlightAreBoundedByBytes(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		s := &sink{parts: map[int][]byte{}}
		p := objects.NewParts(10, 35)
		data := pattern(127)
		u := p.Upload(t.Context(), s, 0)
		for b := range bytes.SplitSeq(data, nil) {
			_, err := u.Write(b)
			require.NoError(t, err)
		}
		_, err := u.Commit(t.Context())
		require.NoError(t, err)
		require.Equal(t, data, s.bytes(13))
		require.EqualValues(t, 30, s.most, "most bytes in flight")
		require.Equal(t, []int{1, 1, 0}, []int{s.begun, s.done, s.dropped})
	})
}

func TestAPartIsSentAgainAndThenGivenUp(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		calls, cut := 0, errors.New("cut")
		s := &sink{parts: map[int][]byte{}}
		s.fail = func(n int) error {
			if calls++; calls <= 2 {
				return &driver.Retryable{Err: cut, After: time.Minute}
			}
			return nil
		}
		begin := time.Now()
		u := objects.NewParts(10, 10).Upload(t.Context(), s, 0)
		_, err := u.Write(pattern(30))
		require.NoError(t, err)
		_, err = u.Commit(t.Context())
		require.NoError(t, err)
		require.GreaterOrEqual(t, time.Since(begin), 2*time.Minute, "Retry-After twice")
		require.Equal(t, pattern(30), s.bytes(3))

		s.fail, s.done = func(int) error { return &driver.Unknown{Err: cut} }, 0
		u = objects.NewParts(10, 10).Upload(t.Context(), s, 0)
		_, _ = u.Write(pattern(30))
		_, err = u.Commit(t.Context())
		require.ErrorIs(t, err, cut)
		_, unknown := errors.AsType[*driver.Unknown](err)
		require.False(t, unknown, "nothing can have been published")
		require.Equal(t, []int{0, 1}, []int{s.done, s.dropped})
	})
}

// TestRefusedTooOften: an upload that has lost a part has no Commit to make again, also where the store refuses to drop the rest.
func TestRefusedTooOften(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		later := &driver.Retryable{Err: errors.New("slow down")}
		for name, s := range map[string]*sink{
			"a part": {fail: func(n int) error { return later }},
			"a drop": {fail: func(n int) error { return driver.ErrPermission }, dropping: later},
		} {
			s.parts = map[int][]byte{}
			u := objects.NewParts(10, 100).Upload(t.Context(), s, 0)
			_, err := u.Write(pattern(25))
			require.NoError(t, err)
			_, err = u.Commit(t.Context())
			require.ErrorIs(t, err, driver.ErrUnavailable, name)
			require.ErrorContains(t, err, "slow down", name)
			_, again := errors.AsType[*driver.Retryable](err)
			require.False(t, again, "%s: %v", name, err)
		}
	})
}

func TestAbortAndCancelLeaveNoPart(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		for _, cancelled := range []bool{false, true} {
			s := &sink{parts: map[int][]byte{}}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			u := objects.NewParts(10, 100).Upload(ctx, s, 0)
			_, err := u.Write(pattern(55))
			require.NoError(t, err)
			drops := 1
			if cancelled { // then the requests of parts are given up
				drops = 2
				cancel()
				_, err = u.Commit(ctx)
				require.ErrorIs(t, err, context.Canceled)
			} else {
				require.NoError(t, u.Abort(ctx))
			}
			require.Zero(t, s.flying)
			require.Empty(t, s.parts)
			require.Equal(t, []int{0, drops}, []int{s.done, s.dropped})
		}
	})
}

// An upload whose end is unknown may be there: dropping it could take a published object's parts.
func TestAnUnknownFinishIsNotDropped(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		for err, dropped := range map[error]int{&driver.Unknown{Err: errors.New("reset")}: 0, driver.ErrExist: 1} {
			s := &sink{parts: map[int][]byte{}, finish: err}
			u := objects.NewParts(10, 100).Upload(t.Context(), s, 0)
			_, _ = u.Write(pattern(11))
			_, got := u.Commit(t.Context())
			require.ErrorIs(t, got, err)
			require.Equal(t, dropped, s.dropped)
		}
	})
}

// TestCommitAgain commits once more what the store refused for now.
func TestCommitAgain(t *testing.T) {
	for _, size := range []int{5, 25} {
		bubbletest.Test(t, func(t *testing.T) {
			s := &sink{parts: map[int][]byte{}, refuse: &driver.Retryable{Err: errors.New("slow down")}}
			u := objects.NewParts(10, 100).Upload(t.Context(), s, 0)
			_, err := u.Write(pattern(size))
			require.NoError(t, err)
			_, err = u.Commit(t.Context())
			require.ErrorContains(t, err, "slow down")
			_, err = u.Commit(t.Context())
			require.NoError(t, err)
			require.Equal(t, string(pattern(size)), string(s.whole)+string(s.bytes(3)))
			require.Zero(t, s.dropped)
		})
	}
}

// TestLentBytesAreSentFromWhereTheyLie writes pieces that do not end where parts do. Each is given back once, when the parts
// that have some of it are sent, and nothing is copied.
func TestLentBytesAreSentFromWhereTheyLie(t *testing.T) {
	bubbletest.Test(t, func(t *testing.T) {
		data := pattern(1 << 20)
		s := &sink{parts: map[int][]byte{}}
		back := map[int]int{}
		var mu sync.Mutex
		u := objects.NewParts(100_000, 1<<20).Upload(t.Context(), s, 0)
		const piece = 33_000
		for off := 0; off < len(data); off += piece {
			p := data[off:min(off+piece, len(data))]
			done := func() {
				mu.Lock()
				defer mu.Unlock()
				back[off]++
				clear(p) // it is the lender's again
			}
			n, err := u.(driver.Lender).WriteLent(p, done)
			require.NoError(t, err)
			require.Equal(t, len(p), n)
		}
		require.Empty(t, back, "nothing is sent yet: a part takes a second")
		_, err := u.Commit(t.Context())
		require.NoError(t, err)
		require.True(t, bytes.Equal(pattern(1<<20), s.bytes(11)))
		require.Len(t, back, 32)
		for off, n := range back {
			require.Equal(t, 1, n, "the piece at %d came back", off)
		}
	})
}

// TestLentAndCopiedBytesMix in one part.
func TestLentAndCopiedBytesMix(t *testing.T) {
	s := &sink{parts: map[int][]byte{}}
	u := objects.NewParts(100, 1<<20).Upload(t.Context(), s, 60)
	data, buf, back := pattern(60), make([]byte, 10), 0
	for off := 0; off < len(data); off += len(buf) {
		copy(buf, data[off:])
		var err error
		if off == 20 {
			_, err = u.(driver.Lender).WriteLent(bytes.Clone(buf), func() { back++ })
		} else {
			_, err = u.Write(buf)
		}
		require.NoError(t, err)
	}
	_, err := u.Commit(t.Context())
	require.NoError(t, err)
	require.Equal(t, data, s.whole)
	require.Equal(t, 1, back)
}

// TestLentBytesComeBackWhateverHappens to the upload.
func TestLentBytesComeBackWhateverHappens(t *testing.T) {
	for name, c := range map[string]struct {
		fail   error
		commit bool
	}{"abort": {nil, false}, "a part that fails": {driver.ErrPermission, true}} {
		t.Run(name, func(t *testing.T) {
			bubbletest.Test(t, func(t *testing.T) {
				s := &sink{parts: map[int][]byte{}, fail: func(int) error { return c.fail }}
				u := objects.NewParts(100, 100).Upload(t.Context(), s, 0)
				lent, back := 0, 0
				var mu sync.Mutex
				for range 10 {
					lent++
					if _, err := u.(driver.Lender).WriteLent(make([]byte, 70), func() { mu.Lock(); defer mu.Unlock(); back++ }); err != nil {
						require.ErrorIs(t, err, driver.ErrPermission)
					}
				}
				if c.commit {
					_, err := u.Commit(t.Context())
					require.ErrorIs(t, err, driver.ErrPermission)
				} else {
					require.NoError(t, u.Abort(t.Context()))
				}
				require.Equal(t, lent, back)
			})
		})
	}
}

// slow is a Multipart whose requests are given up while the client still reads.
type slow struct {
	sink
	late io.Reader
}

func (s *slow) Whole(_ context.Context, b *objects.Body) (objects.Object, error) {
	s.late = b.Reader()
	return objects.Object{}, driver.ErrPermission
}

// TestBodyCannotBeReadWhenItsRequestIsOver: the bytes are the lender's again.
func TestBodyCannotBeReadWhenItsRequestIsOver(t *testing.T) {
	s := &slow{}
	u := objects.NewParts(100, 100).Upload(t.Context(), s, 0)
	_, err := u.(driver.Lender).WriteLent(pattern(10), func() {})
	require.NoError(t, err)
	_, err = u.Commit(t.Context())
	require.ErrorIs(t, err, driver.ErrPermission)
	n, err := s.late.Read(make([]byte, 10))
	require.Zero(t, n)
	require.ErrorContains(t, err, "over")
}
